package cluster

import (
	"bytes"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/tests/model"
)

// basesIn reads the snapshots of one replica. One that cannot be read is left out: it is for others to find that wrong.
func basesIn(dir string, id uint64) []model.Base {
	snapshots, _, _ := logstore.InspectSnapshots(dir) // the error tells of those that are left out
	var bases []model.Base
	for _, s := range snapshots {
		st := store.New()
		fsm := raftfsm.New(id, st, raftfsm.Deaf{})
		state, err := s.Open()
		if err == nil {
			err = fsm.Restore(state)
		}
		if err == nil {
			bases = append(bases, baseOf(s.Index, fsm.State(), st))
		}
	}
	return bases
}

func baseOf(index uint64, state raftfsm.State, st *store.Store) model.Base {
	base := model.Base{Index: index, Incarnation: state.Incarnation, Sequence: state.Sequence}
	for i := range slot.Count {
		sl := st.Slot(slot.ID(i))
		sl.RLock()
		for key, item := range sl.AllLocked() {
			base.Effects = append(base.Effects, entry.Effect{
				Kind: entry.EffectSet, Key: bytes.Clone(key), Value: bytes.Clone(item.Value), ExpireAt: item.ExpireAt, Version: item.Version,
			})
		}
		sl.RUnlock()
	}
	return base
}
