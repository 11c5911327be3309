package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/executor"
)

// routeKey is a key with what it may hold.
type routeKey struct {
	name string
	slot slot.ID
	// holds is the latest value that was acknowledged or seen, open are those whose writes may have taken effect or still
	// may.
	holds string
	open  []string
	next  int
}

// newRouteKey is a key in one part of the slots, one after another.
func newRouteKey(i int) *routeKey {
	part := slot.Split(routeShards)[i%routeShards]
	for try := 0; ; try++ {
		name := fmt.Sprintf("key-%d-%d", i, try)
		if s := slot.Of([]byte(name)); part.Contains(s) {
			return &routeKey{name: name, slot: s}
		}
	}
}

// client lets a client write or read a key, beginning at any node.
func (w *routeWorld) client() {
	k := w.keys[w.r.IntN(len(w.keys))]
	writes := w.r.IntN(2) == 0
	for range routeTries {
		n := w.nodes[w.r.IntN(routeNodes)]
		if writes && w.write(k, n) {
			return
		}
		if _, served := w.read(k, n, true); !writes && served {
			return
		}
	}
}

// routeTries is how many nodes a client asks before it gives up.
const routeTries = 4

// hopsMax is how often a client follows a redirect.
const hopsMax = 5

// find follows the redirects of routers to a replica; nil where nobody is known to lead, or the way goes on too long.
func (w *routeWorld) find(k *routeKey, n *routeNode, busy bool) (replica *routeReplica, hops int) {
	for ; hops <= hopsMax; hops++ {
		target, ok := router.New(n).Find(k.slot, router.NotAsked)
		switch {
		case !ok:
			w.stat.held++
			return nil, hops
		case target.Replica != nil:
			return target.Replica.(*routeReplica), hops
		case target.Leader.ID == n.id:
			w.fail("%s sends a client to itself", n.id)
			return nil, hops
		}
		w.stat.redirects++
		to := w.at(target.Leader.RESP)
		if to == nil {
			return nil, hops
		}
		if to.id != target.Leader.ID {
			w.stat.strangers++
		}
		n = to
		if busy {
			w.act()
		}
	}
	return nil, hops
}

// answerRounds is how many acts a client waits for its answer.
const answerRounds = 40

// write writes a key; false where it was certainly not written.
func (w *routeWorld) write(k *routeKey, n *routeNode) (served bool) {
	r, _ := w.find(k, n, true)
	if r == nil {
		return false
	}
	k.next++
	value := fmt.Sprint(k.name, " ", k.next)
	request := &executor.Request{Slot: k.slot, Do: func(tx *executor.Tx) { tx.Set([]byte(k.name), []byte(value), entry.TypeString, 0) }}
	waiter := executor.NewWaiter()
	if err := r.exec.Submit(waiter, request); err != nil {
		w.refused(apierr.Of(err))
		return false
	}
	for range answerRounds {
		if waiter.Wait(coreGone) == nil {
			break
		}
		if w.act(); !r.dead && w.r.IntN(2) == 0 {
			w.run(r.node)
			w.wait()
		}
	}
	if waiter.Wait(coreGone) != nil {
		waiter.GiveUp(r.group.id, request)
		w.wait()
	}
	switch err := request.Err; {
	case err == nil:
		w.stat.writes++
		k.holds = value
	case err.Result() == apierr.OutcomeNotApplied:
		w.refused(err)
		return false
	default:
		w.stat.unknown++
		k.open = append(k.open, value)
	}
	return true
}

// refused counts why a request was not served.
func (w *routeWorld) refused(err *apierr.Error) {
	switch err.Kind {
	case apierr.KindNotOwned:
		w.stat.notOwned++
	case apierr.KindNotLeader:
		w.stat.notLed++
	}
}

// readTime is how long a reader waits, in virtual time.
const readTime = 20 * time.Millisecond

// read reads a key, while other things happen or not. What it shows has to be what the key may hold.
func (w *routeWorld) read(k *routeKey, n *routeNode, busy bool) (hops int, served bool) {
	r, hops := w.find(k, n, busy)
	if r == nil {
		return hops, false
	}
	ctx, cancel := context.WithTimeout(w.ctx, readTime)
	defer cancel()
	var got string
	done := make(chan error, 1)
	mode := router.ReadMode(w.r.IntN(2)) // lease or index
	go func() {
		done <- r.Read(ctx, k.slot, mode, func(v ops.Reader) {
			item, _ := v.Get([]byte(k.name))
			got = string(item.Value)
		})
	}()
	w.wait()
	for {
		select {
		case err := <-done:
			if err != nil {
				w.refused(apierr.Of(err))
				return hops, false
			}
			w.stat.reads++
			w.saw(k, n, r, got)
			return hops, true
		default:
		}
		if busy {
			w.act()
		} else {
			w.run(r.node)
		}
		w.moment.Add(1)
		time.Sleep(time.Millisecond)
		w.wait()
	}
}

// saw judges what a read has shown.
func (w *routeWorld) saw(k *routeKey, n *routeNode, r *routeReplica, got string) {
	if got == k.holds {
		return
	}
	i := slices.Index(k.open, got)
	if i < 0 {
		w.fail("%s, asked at %s and answered by shard %d on %s: %q, but it holds %q (or of %q)", k.name, n.id, r.group.id, r.node.id, got, k.holds, k.open)
		return
	}
	k.holds = got
	k.open = slices.Delete(k.open, i, i+1)
}
