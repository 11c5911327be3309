package workload

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Bounds of one key's history. A search over more operations, and above all over more of unknown outcome, may not end
// within its budget; so the lane goes on to the next key then.
const (
	opsMax     = 220
	unknownMax = 5
)

// Pick chooses the next operation on a key, or on another that it names; i numbers the operations of the client. Arg has
// to be unique where it is a value.
type Pick func(random *rand.Rand, key string, client, i int) model.Op

// Lane is a row of keys that clients work through together, one key after another.
type Lane struct {
	key  func(generation int) string
	pick Pick
	once bool // each key gets one operation
	// Bounds of a key; 0 means those above.
	opsMax, unknownMax int

	mu         sync.Mutex // protects the fields below
	generation int
	ops        int
	unknown    int
}

// NewLane makes a lane. A key is used until the bounds of its history are reached.
func NewLane(key func(generation int) string, pick Pick) *Lane {
	return &Lane{key: key, pick: pick}
}

func (l *Lane) next(random *rand.Rand, client, i int) model.Op {
	l.mu.Lock()
	if l.ops >= cmp.Or(l.opsMax, opsMax) || l.unknown >= cmp.Or(l.unknownMax, unknownMax) {
		l.generation, l.ops, l.unknown = l.generation+1, 0, 0
	}
	generation := l.generation
	if l.once {
		l.generation++
	}
	l.mu.Unlock()
	key := l.key(generation)
	o := l.pick(random, key, client, i)
	if o.Key == "" {
		o.Key = key
	}
	o.Client = client
	return o
}

// done counts an operation that may have been one of the present key. One that was begun on an earlier key counts too:
// the bound is on what a key gets, and nothing is lost by an early change.
func (l *Lane) done(o model.Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o.Outcome == model.OK {
		l.ops++
	}
	if o.Outcome == model.Unknown && o.Kind.Writes() {
		l.unknown++
	}
}

// Registers reads and writes unique values, some with an expiry.
func Registers(random *rand.Rand, _ string, client, i int) model.Op {
	value := fmt.Sprintf("c%d-%d", client, i)
	switch n := random.IntN(20); {
	case n < 9:
		return model.Op{Kind: model.Get}
	case n < 14:
		return model.Op{Kind: model.Set, Arg: value}
	case n < 16:
		return model.Op{Kind: model.Set, Arg: value, TTL: time.Duration(150+random.IntN(600)) * time.Millisecond}
	case n < 18:
		return model.Op{Kind: model.SetNX, Arg: value}
	case n < 19:
		return model.Op{Kind: model.GetDel}
	}
	return model.Op{Kind: model.Del}
}

// Counters increments, reads, and seldom begins again.
func Counters(random *rand.Rand, _ string, _, _ int) model.Op {
	switch n := random.IntN(30); {
	case n < 12:
		return model.Op{Kind: model.Get}
	case n < 29:
		return model.Op{Kind: model.Incr}
	}
	return model.Op{Kind: model.GetDel}
}
