package workload

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/holtcache/holt/tests/model"
)

// elements is a lane of keys that are written once each; one operation in four reads one of the latest.
type elements struct {
	key func(i int) string

	mu     sync.Mutex // protects the fields below
	count  int
	latest []string
}

func newElements(key func(i int) string) *Lane {
	e := &elements{key: key}
	return &Lane{key: key, pick: e.pick}
}

// latestMax is among how many of the latest keys reads choose.
const latestMax = 50

func (e *elements) pick(random *rand.Rand, _ string, client, i int) model.Op {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.latest) > 0 && random.IntN(4) == 0 {
		return model.Op{Kind: model.Get, Key: e.latest[random.IntN(len(e.latest))]}
	}
	key := e.key(e.count)
	e.count++
	if e.latest = append(e.latest, key); len(e.latest) > latestMax {
		e.latest = e.latest[1:]
	}
	return model.Op{Kind: model.Set, Key: key, Arg: fmt.Sprintf("%s-c%d-%d", key, client, i)}
}

func beginElements(s *Session) {
	for shard, keys := range s.target.Keys {
		lane := newElements(func(i int) string { return keys("element", i) })
		s.crew(shard, lane, s.config.Clients, s.linearizable()...)
	}
}

func judgeElements(_ *Session, ops []model.Op, v *Verdict) error {
	v.Keys, v.Checked = len(model.ByKey(ops)), len(ops)
	return model.CheckElements(ops)
}

func beginExpiring(s *Session) {
	for shard, keys := range s.target.Keys {
		lane := Expiring(func(i int) string { return keys("expiring", i) })
		s.crew(shard, lane, s.config.Clients, s.linearizable()...)
	}
}

func judgeExpiring(_ *Session, ops []model.Op, v *Verdict) error {
	read, gone := map[string]bool{}, 0
	for _, o := range ops {
		switch {
		case o.Kind != model.Get || o.Outcome != model.OK:
		case o.Found:
			read[o.Key] = true
		case read[o.Key]:
			gone++
		}
	}
	if gone == 0 && v.Why == "" {
		v.Why = "no key that was read before was found expired"
	}
	v.Keys, v.Checked = len(model.ByKey(ops)), len(ops)
	return model.CheckExpiry(ops)
}

// beginAsync lets clients write elements and append ids, all acknowledged early.
func beginAsync(s *Session) {
	async := s.linearizable()
	for i := range async {
		async[i].Ack = "ASYNC"
	}
	for shard, keys := range s.target.Keys {
		lane := newElements(func(i int) string { return keys("async", i) })
		s.crew(shard, lane, s.config.Clients, async...)
	}
	s.appends("async-list", async...)
}

func judgeAsync(s *Session, ops []model.Op, v *Verdict) error {
	lost, err := model.CheckAsync(ops)
	v.Keys, v.Checked = len(model.ByKey(ops)), len(ops)
	loss, unexplained := model.LossOf(lost, s.Marks())
	v.Loss = loss
	return errors.Join(err, unexplained)
}
