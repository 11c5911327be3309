package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/logstore"
)

// benchGroup is the group whose snapshot it is.
const benchGroup = 7

// saveHolt writes a snapshot through the state machine and the snapshot store, as raft does for SAVE, and loads it into an
// empty replica.
func (p *plan) saveHolt(dir string, d data) (one saved, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return one, err
	}
	log, err := logstore.OpenLog(logstore.LogConfig{Path: filepath.Join(dir, "log.db"), Group: benchGroup, Sync: logstore.SyncAlways, Fatal: func(err error) { panic(err) }})
	if err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, log.Close(), os.RemoveAll(dir)) }()
	snapshots, err := logstore.OpenSnapshots(dir, log, nil)
	if err != nil {
		return one, err
	}
	from := store.New()
	version := uint64(0)
	err = d.each(p.keys, func(key, value []byte) error {
		version++
		sl := from.Slot(slot.Of(key))
		sl.Lock()
		sl.ApplyLocked(&entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: key, Value: value, Version: version})
		sl.Unlock()
		return nil
	})
	if err != nil {
		return one, err
	}
	want := from.Digest()
	id, took, err := write(from, snapshots)
	if err != nil {
		return one, err
	}
	one.write = took
	from.Replace(from.Empty()) // unmaps its slabs
	debug.FreeOSMemory()

	began := time.Now()
	meta, state, err := snapshots.Open(id)
	if err != nil {
		return one, err
	}
	to := store.New()
	if err := raftfsm.New(benchGroup, to, raftfsm.Deaf{}).Restore(state); err != nil {
		return one, err
	}
	one.load, one.bytes = time.Since(began), meta.Size
	if got := to.Digest(); got != want {
		return one, fmt.Errorf("loaded a store with digest %x, want %x", got, want)
	}
	to.Replace(to.Empty())
	return one, nil
}

func write(from *store.Store, snapshots raft.SnapshotStore) (id string, took time.Duration, err error) {
	f := raftfsm.New(benchGroup, from, raftfsm.Deaf{})
	f.SetSnapshotPace(raftfsm.PaceFull)
	began := time.Now()
	s, err := f.Snapshot()
	if err != nil {
		return "", 0, err
	}
	defer s.Release()
	_, trans := raft.NewInmemTransport("")
	sink, err := snapshots.Create(1, 1, 1, raft.Configuration{}, 1, trans)
	if err != nil {
		return "", 0, err
	}
	if err := s.Persist(sink); err != nil {
		return "", 0, err
	}
	return sink.ID(), time.Since(began), nil
}
