package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/shard/executor"
)

// client sends requests one after another until the run ends.
func (r *moveRun) client(client int, rnd *rand.Rand) {
	for {
		select {
		case <-r.done:
			return
		case <-time.After(time.Duration(10+rnd.IntN(60)) * time.Millisecond):
			r.request(client, rnd)
		}
	}
}

// at asks one replica after another until one answers with more than that it changed nothing: those that lead the shard that the
// client was sent to, and now and then any other. What is returned when ctx ends says that nothing was applied, if nothing was.
func (r *moveRun) at(ctx context.Context, rnd *rand.Rand, s slot.ID, ask func(*raftNode) error) error {
	shard := r.ownerOf(s)
	last := errors.New("nobody was asked")
	for {
		if rnd.IntN(6) == 0 {
			shard = 1 + slot.ShardID(rnd.IntN(moveShards))
		}
		if n := r.replica(shard, rnd); n != nil {
			err := ask(n)
			if err == nil || outcome(err) != apierr.OutcomeNotApplied {
				return err
			}
			last = err
			switch apierr.KindOf(err) {
			case apierr.KindAsk, apierr.KindNotOwned:
				shard = 1 + moveShards - shard
			}
		}
		if !sleep(ctx, time.Duration(1+rnd.IntN(10))*time.Millisecond) {
			return apierr.New(apierr.KindTryAgain, "not served: %w", last)
		}
	}
}

// replica is one that serves a shard, or now and then any other.
func (r *moveRun) replica(shard slot.ShardID, rnd *rand.Rand) *raftNode {
	ids := r.groups[shard].ids()
	start := rnd.IntN(len(ids))
	other := r.node(ids[start])
	for i := range ids {
		if n := r.node(ids[(start+i)%len(ids)]); n != nil && rnd.IntN(8) > 0 {
			if _, serves := n.replica.Executor().Serving(); serves {
				return n
			}
		}
	}
	return other
}

func (r *moveRun) request(client int, rnd *rand.Rand) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(100+rnd.IntN(1500))*time.Millisecond)
	defer cancel()
	kind := []string{"register", "count", "append", "expire"}[rnd.IntN(4)]
	key := fmt.Sprintf("%s-%d-%d", kind, r.history.now().Milliseconds()/keyMillis, rnd.IntN(3))
	value := strconv.FormatUint(r.values.Add(1), 10)
	e := raftEvent{client: client, call: r.history.now(), volatile: kind == "expire"}
	e.raftAction = raftAction{kind: "get", key: key}
	switch {
	case rnd.IntN(2) == 0:
		e.outcome = outcome(r.read(ctx, rnd, &e))
	case kind == "count":
		e.kind = "incr"
		e.outcome = r.increment(rnd, &e)
	case kind == "append":
		e.kind, e.new = "append", value
		e.outcome = outcome(r.write(ctx, rnd, &e, func(before string) string { return strings.TrimPrefix(before+","+value, ",") }, 0))
	case kind == "expire":
		e.kind, e.new = "set", "v"+value
		e.outcome = outcome(r.write(ctx, rnd, &e, func(string) string { return "v" + value }, time.Duration(50+rnd.IntN(2000))*time.Millisecond))
	case rnd.IntN(4) == 0: // deletes
		e.kind = "set"
		e.outcome = outcome(r.write(ctx, rnd, &e, func(string) string { return "" }, 0))
	default:
		e.kind, e.new = "set", "v"+value
		e.outcome = outcome(r.write(ctx, rnd, &e, func(string) string { return e.new }, 0))
	}
	if e.outcome != apierr.OutcomeApplied {
		e.seen, e.version = "", 0
	}
	r.history.add(e)
}

func (r *moveRun) read(ctx context.Context, rnd *rand.Rand, e *raftEvent) error {
	mode := []executor.ReadMode{executor.ReadLease, executor.ReadIndex}[rnd.IntN(2)]
	return r.at(ctx, rnd, slot.Of([]byte(e.key)), func(n *raftNode) (err error) {
		reading, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		e.seen, err = n.get(reading, e.key, mode)
		if err != nil && outcome(err) != apierr.OutcomeNotApplied { // of a read it is all the same
			err = apierr.New(apierr.KindTryAgain, "%w", err)
		}
		return err
	})
}

// write changes a key; no value is no key.
func (r *moveRun) write(ctx context.Context, rnd *rand.Rand, e *raftEvent, f func(before string) string, ttl time.Duration) error {
	key := []byte(e.key)
	return r.at(ctx, rnd, slot.Of(key), func(n *raftNode) error {
		var version uint64
		err := n.submit(ctx, e.key, executor.AckMajority, func(tx *executor.Tx) {
			item, _ := tx.Get(key)
			after, until := f(string(item.Value)), int64(0)
			if after == "" {
				tx.Delete(key)
				return
			}
			if ttl > 0 {
				until = tx.Now() + ttl.Milliseconds()
			}
			version = tx.Set(key, []byte(after), entry.TypeString, until)
		})
		e.version = version
		return err
	})
}

// idLife is for how long an increment's id holds, and repeatMax for how long it is repeated: longer than an abort takes.
const (
	idLife    = time.Minute
	repeatMax = 20 * time.Second
)

// increment counts with a request that has an id. Where nobody knows what became of it, it is asked again, at whichever shard
// serves the slot by then; and now and then though it was answered. All answers have to be the same.
func (r *moveRun) increment(rnd *rand.Rand, e *raftEvent) apierr.Outcome {
	ctx, cancel := context.WithTimeout(context.Background(), repeatMax)
	defer cancel()
	key := []byte(e.key)
	id, until := session.ID{Client: uint64(e.client + 1), Sequence: r.values.Add(1)}, int64(0)
	unknown := false
	attempt := func() (answer string, err error) {
		err = r.at(ctx, rnd, slot.Of(key), func(n *raftNode) error {
			if until == 0 {
				until = n.replica.Executor().Clock().Now() + idLife.Milliseconds()
			}
			q := &executor.Request{Slot: slot.Of(key), ID: id, Until: until}
			q.Do = func(tx *executor.Tx) {
				item, _ := tx.Get(key)
				after := increment(string(item.Value))
				q.Result = fmt.Appendf(nil, "%s %d", after, tx.Set(key, []byte(after), entry.TypeString, 0))
			}
			asking, cancel := context.WithTimeout(ctx, time.Duration(50+rnd.IntN(500))*time.Millisecond)
			defer cancel()
			err := n.ask(asking, q)
			if err == nil {
				answer = string(q.Result)
				r.count(func(s *moveStats) { s.repeated += btoi(q.Repeated) })
			}
			unknown = unknown || outcome(err) == apierr.OutcomeUnknown
			return err
		})
		return answer, err
	}
	answer, err := attempt()
	for err != nil && ctx.Err() == nil && outcome(err) == apierr.OutcomeUnknown {
		answer, err = attempt()
	}
	switch {
	case err != nil && unknown:
		return apierr.OutcomeUnknown
	case err != nil:
		return outcome(err)
	case rnd.IntN(4) == 0: // much later, too
		if sleep(ctx, time.Duration(rnd.IntN(3000))*time.Millisecond) {
			if again, err := attempt(); err == nil && again != answer {
				r.t.Errorf("increment %v of %s was answered %q, and %q when it was repeated", id, e.key, answer, again)
			}
		}
	}
	if _, err := fmt.Sscan(answer, &e.seen, &e.version); err != nil {
		r.t.Errorf("increment %v of %s was answered %q: %v", id, e.key, answer, err)
	}
	return apierr.OutcomeApplied
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
