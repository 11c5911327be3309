package sim

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/raftfsm/store"
)

// finish reads every key once more, where the meta group says that it is, and looks at what the replicas hold.
func (r *moveRun) finish() {
	r.t.Helper()
	rnd := rand.New(rand.NewPCG(r.seed, 23))
	keys := map[string]bool{}
	for _, e := range r.history.events {
		keys[e.key] = true
	}
	for key := range keys {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		e := raftEvent{raftAction: raftAction{kind: "get", key: key}, client: moveClients, call: r.history.now(), volatile: key[:1] == "e"}
		if err := r.read(ctx, rnd, &e); err != nil {
			r.t.Errorf("last read of %s: %v", key, err)
		}
		cancel()
		e.outcome = apierr.OutcomeApplied
		r.history.add(e)
	}
	state := meta.New().State()
	for _, n := range r.meta.nodes {
		if s := n.meta.State(); s.Applied() > state.Applied() {
			state = s
		}
	}
	for _, m := range state.EndedMigrations() {
		r.count(func(s *moveStats) {
			s.committed += btoi(m.Phase == meta.MigrationCommitted)
			s.aborted += btoi(m.Phase == meta.MigrationAborted)
		})
	}
	for id, group := range r.groups {
		group.eventually(time.Minute, "all replicas have applied everything", group.level)
		first := group.nodes[group.ids()[0]]
		want := contents(first.replica.Store(), keys)
		for _, n := range group.nodes {
			if got := contents(n.replica.Store(), keys); !maps.Equal(got, want) {
				r.t.Errorf("%s and %s hold different keys: %v and %v", n.id, first.id, got, want)
			}
			if err := holdsItsSlots(n.replica.Store(), id, state); err != nil {
				r.t.Errorf("%s: %v", n.id, err)
			}
		}
	}
}

// holdsItsSlots is nil where a replica serves the slots that the meta group gives its shard, and holds no key of others.
func holdsItsSlots(st *store.Store, id slot.ShardID, state *meta.State) error {
	for s := range slot.ID(slot.Count) {
		sl := st.Slot(s)
		sl.RLock()
		got, keys := sl.StateLocked(), sl.LenLocked()
		sl.RUnlock()
		want := store.SlotNotOwned
		if state.SlotMap().Owner(s) == id {
			want = store.SlotOwned
		}
		if got != want || got != store.SlotOwned && keys > 0 {
			return fmt.Errorf("slot %d is in state %d with %d keys, want state %d: the owner is shard %d", s, got, keys, want, state.SlotMap().Owner(s))
		}
	}
	return nil
}

// verifyVersions makes sure that a key's versions rise from write to write, whichever shard wrote.
func (h *raftHistory) verifyVersions(t *testing.T) {
	t.Helper()
	for key, events := range h.byKey() {
		if err := checkVersionsRise(events); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func checkVersionsRise(events []raftEvent) error {
	for _, a := range events {
		for _, b := range events {
			if a.version != 0 && b.version != 0 && a.ret < b.call && a.version >= b.version {
				return fmt.Errorf("version %d of client %d at %v comes after version %d of client %d at %v", b.version, b.client, b.call, a.version, a.client, a.ret)
			}
		}
	}
	return nil
}
