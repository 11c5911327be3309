package migration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/shard/executor"
)

// counter is a key that one client increments by requests with ids. Where nobody knows what became of one, it is asked again,
// at whichever shard serves the slot by then.
type counter struct {
	*key
	sequence uint64
	last     remembered
	sum      int
	repeated int // answers of an earlier attempt
}

// remembered is a request and its answer.
type remembered struct {
	id     session.ID
	until  int64
	result string
}

func (w *world) counter(name string) *counter { return &counter{key: w.key(name)} }

const idLife = 2 * time.Minute

// increment counts one, whatever it takes.
func (c *counter) increment() {
	c.sequence++
	id, until := session.ID{Client: uint64(c.slot) + 1, Sequence: c.sequence}, c.w.wall().Add(idLife).UnixMilli()
	c.sum++
	c.answered(c.untilAnswered(id, until))
	if c.sequence%3 == 0 { // a client that does not believe its answer
		c.repeat()
	}
}

// repeat asks the last request once more.
func (c *counter) repeat() {
	again := c.untilAnswered(c.last.id, c.last.until)
	if again == nil || !again.Repeated || string(again.Result) != c.last.result {
		c.w.t.Errorf("key %s: request %v was answered %q, and %+v when it was repeated", c.name, c.last.id, c.last.result, again)
	}
}

// untilAnswered asks one request again while nobody knows what became of it, and returns nil where nobody ever does.
func (c *counter) untilAnswered(id session.ID, until int64) (answered *executor.Request) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		unknown := c.request(func() *executor.Request {
			r := &executor.Request{Slot: c.slot, ID: id, Until: until}
			r.Do = func(tx *executor.Tx) {
				item, _ := tx.Get(c.name)
				n := 0
				_, _ = fmt.Sscan(string(item.Value), &n) // absent counts as 0
				r.Result = fmt.Appendf(nil, "%d %d", n+1, tx.Set(c.name, fmt.Append(nil, n+1), entry.TypeString, 0))
			}
			answered = r
			return r
		})
		if !unknown {
			if answered.Repeated {
				c.repeated++
			}
			return answered
		}
	}
	return nil
}

// answered wants the sum of all increments so far, and a version that is higher than those before.
func (c *counter) answered(r *executor.Request) {
	if r == nil {
		c.w.t.Errorf("key %s: request %d was not answered within %v", c.name, c.sequence, patience)
		return
	}
	sum, version := 0, uint64(0)
	if _, err := fmt.Sscan(string(r.Result), &sum, &version); err != nil || sum != c.sum || version <= c.version {
		c.w.t.Errorf("key %s: increment %d was answered %q (%v), want %d and a version after %d", c.name, c.sequence, r.Result, err, c.sum, c.version)
	}
	c.last = remembered{r.ID, r.Until, string(r.Result)}
	c.value, c.exists, c.version = fmt.Append(nil, c.sum), true, version
}

// A request that is repeated after a migration is answered what it was answered before, and counts once.
func TestRepeatedRequestIsRememberedAcrossAMigration(t *testing.T) {
	for name, between := range map[string]func(w *world){
		"hand-over": func(w *world) { w.ended(w.start(1, 2, half)) },
		"hand-over, and another leader of the target": func(w *world) {
			w.ended(w.start(1, 2, half))
			w.groups[2].electOther()
		},
		"another leader of the target when it has everything": func(w *world) {
			w.at(StepFinalApplied, func(*replica) { w.groups[2].electOther() })
			w.ended(w.start(1, 2, half))
		},
		"another leader of the source while it is frozen": func(w *world) {
			w.at(StepFrozen, func(*replica) { w.groups[1].electOther() })
			w.ended(w.start(1, 2, half))
		},
		"hand-over there and back": func(w *world) {
			w.ended(w.start(1, 2, half))
			w.ended(w.start(2, 1, half))
		},
		"abort": func(w *world) {
			w.at(StepFinalSent, func(*replica) {
				for _, m := range w.meta.newest().Migrations() {
					w.meta.apply(meta.AbortMigration(m.ID, "cancelled"))
				}
			})
			w.ended(w.start(1, 2, half))
		},
		"abort, then hand-over": func(w *world) {
			w.at(StepCopied, func(*replica) {
				for _, m := range w.meta.newest().Migrations() {
					w.meta.must(meta.AbortMigration(m.ID, "cancelled"))
				}
			})
			w.ended(w.start(1, 2, half))
			w.ended(w.start(1, 2, half))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.counter("repeated")
			for i := 0; !half.Contains(c.slot); i++ {
				c = w.counter(fmt.Sprintf("repeated:%d", i))
			}
			c.increment()
			between(w)
			c.repeat()
			if c.repeated != 1 {
				t.Errorf("%d answers were remembered, want 1", c.repeated)
			}
			c.read()
			c.increment()
			c.read()
		})
	}
}

// The first attempt is on its way when the slots freeze: whichever shard is asked then, it counts once.
func TestRequestOnItsWayIntoAFreezeCountsOnce(t *testing.T) {
	w := newWorld(t)
	c := w.counter("on its way")
	for i := 0; !half.Contains(c.slot); i++ {
		c = w.counter(fmt.Sprintf("on its way:%d", i))
	}
	c.increment()
	source, counted := w.groups[1], make(chan struct{})
	pending := func(n int) func() bool {
		return func() bool {
			source.mu.Lock()
			defer source.mu.Unlock()
			return len(source.pending) >= n
		}
	}
	w.at(StepBeforeFreeze, func(*replica) {
		source.hold()
		w.spawn(func(context.Context) {
			defer close(counted)
			c.increment()
		})
		w.await("the increment is proposed", pending(1))
		w.spawn(func(context.Context) {
			w.await("the freeze is proposed", pending(2))
			source.electOther() // a first part of both is committed
		})
	})
	id := w.start(1, 2, half)
	<-counted
	w.ended(id)
	c.repeat()
	c.read()
}
