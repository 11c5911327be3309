package workload

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/holtcache/holt/tests/model"
)

// Values of paddingBytes on evictedKeys keys take about twice what the shard's third of maxmemory holds.
const (
	paddingBytes = 8 << 10
	evictedKeys  = 500
)

// padded makes the values that a client writes long, and those that it reads short again; a read that got something else
// than a whole value says so.
type padded struct{ Client }

var padding = "|" + strings.Repeat("p", paddingBytes)

func (p padded) attempt(o *model.Op) error {
	short := o.Arg
	if short != "" {
		o.Arg += padding
	}
	err := p.Client.attempt(o)
	o.Arg = short
	if value, whole := strings.CutSuffix(o.Value, padding); whole {
		o.Value = value
	}
	return err
}

// evictable chooses among more keys than fit into memory. Each key gets no more than the bound of one search.
type evictable struct {
	keys func(prefix string, i int) string

	mu    sync.Mutex // protects the fields below
	count int
}

func (e *evictable) pick(random *rand.Rand, _ string, client, i int) model.Op {
	e.mu.Lock()
	generation := e.count / (evictedKeys * opsMax / 2)
	e.count++
	e.mu.Unlock()
	o := model.Op{Kind: model.Get, Key: e.keys("evictable", generation*evictedKeys+random.IntN(evictedKeys))}
	switch n := random.IntN(20); {
	case n < 10:
		o.Kind, o.Arg = model.Set, fmt.Sprintf("c%d-%d", client, i)
	case n < 11:
		o.Kind, o.Arg = model.SetNX, fmt.Sprintf("c%d-%d", client, i)
	case n < 12:
		o.Kind = model.GetDel
	}
	return o
}

func beginEvictable(s *Session) {
	s.wrap = func(c Client) Client { return padded{c} }
	for shard, keys := range s.target.Keys {
		e := &evictable{keys: keys}
		s.crew(shard, NewLane(func(int) string { return "" }, e.pick), s.config.Clients, s.linearizable()...)
	}
}

func judgeEvictable(s *Session, ops []model.Op, v *Verdict) error {
	report, err := model.CheckEvictable(ops, s.config.SearchMax)
	v.Keys, v.Checked, v.Evicted = report.Keys, report.Ops, evicted(ops)
	if v.Evicted == 0 && v.Why == "" {
		v.Why = "no key was evicted"
	}
	return err
}

// evicted counts reads that find gone what was written, and never deleted.
func evicted(ops []model.Op) int {
	count := 0
	for _, history := range model.ByKey(ops) {
		written := false
		for _, o := range history {
			switch {
			case o.Kind == model.Set && o.Outcome == model.OK:
				written = true
			case o.Kind == model.GetDel:
				written = false
			case o.Kind == model.Get && o.Outcome == model.OK && !o.Found && written:
				count++
			}
		}
	}
	return count
}
