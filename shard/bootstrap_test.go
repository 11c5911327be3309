package shard

import (
	"errors"
	"slices"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/logstore/crashstore"
)

var firstMembers = []string{"a", "b", "c"}

func openDisk(t *testing.T, disk *crashstore.Disk) (Storage, *crashstore.Stores) {
	t.Helper()
	s, err := disk.Open(crashstore.Hooks{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	return Storage{Log: s.Log, Stable: s.Stable, Snapshots: s.Snapshots, Close: s}, s
}

func checkFirstEntry(t *testing.T, s Storage) {
	t.Helper()
	var first raft.Log
	if err := s.Log.GetLog(1, &first); err != nil {
		t.Fatalf("entry 1: %v", err)
	}
	var ids []string
	for _, server := range raft.DecodeConfiguration(first.Data).Servers {
		ids = append(ids, string(server.ID))
	}
	if first.Term != 1 || first.Type != raft.LogConfiguration || !slices.Equal(ids, firstMembers) {
		t.Errorf("entry 1 is of term %d, type %v, members %v", first.Term, first.Type, ids)
	}
	if term, err := s.Stable.GetUint64([]byte("CurrentTerm")); err != nil || term != 1 {
		t.Errorf("term %d, err %v; want 1", term, err)
	}
}

// The power goes before, between and after the two writes of a bootstrap; the next start repeats it.
func TestInterruptedBootstrapIsRepeated(t *testing.T) {
	for syncs := range uint64(3) {
		disk := crashstore.New(crashstore.Config{Group: 7})
		s, stores := openDisk(t, disk)
		disk.CutPowerAfter(syncs)
		err := bootstrap(s, firstMembers)
		if got, want := err == nil, syncs == 2; got != want {
			t.Errorf("power cut after %d fsyncs: bootstrap returned %v", syncs, err)
		}
		disk.Crash(crashstore.LoseUnsynced)
		if err := stores.Close(); err != nil {
			t.Error(err)
		}
		s, stores = openDisk(t, disk)
		if err := bootstrap(s, firstMembers); err != nil {
			t.Fatalf("power cut after %d fsyncs: bootstrap again: %v", syncs, err)
		}
		checkFirstEntry(t, s)
		if err := stores.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBootstrapOfAGroupThatHasALogIsIgnored(t *testing.T) {
	s, stores := openDisk(t, crashstore.New(crashstore.Config{Group: 7}))
	if err := bootstrap(s, firstMembers); err != nil {
		t.Fatal(err)
	}
	if err := bootstrap(s, []string{"d", "e", "f"}); err != nil {
		t.Fatal(err)
	}
	checkFirstEntry(t, s)
	if last, err := s.Log.LastIndex(); err != nil || last != 1 {
		t.Errorf("log ends at %d, err %v; want 1", last, err)
	}
	if err := stores.Close(); err != nil {
		t.Error(err)
	}
}

var errRead = errors.New("read error")

// unreadableStable cannot read its term.
type unreadableStable struct{ raft.StableStore }

func (unreadableStable) GetUint64([]byte) (uint64, error) { return 0, errRead }

// A term that cannot be read is not a term that is not there: writing 1 over it could let the replica vote twice.
func TestBootstrapDoesNotOverwriteATermItCannotRead(t *testing.T) {
	s, stores := openDisk(t, crashstore.New(crashstore.Config{Group: 7}))
	if err := s.Stable.SetUint64([]byte("CurrentTerm"), 9); err != nil {
		t.Fatal(err)
	}
	unreadable := s
	unreadable.Stable = unreadableStable{s.Stable}
	if err := bootstrap(unreadable, firstMembers); !errors.Is(err, errRead) {
		t.Errorf("got %v, want %v", err, errRead)
	}
	if term, err := s.Stable.GetUint64([]byte("CurrentTerm")); err != nil || term != 9 {
		t.Errorf("term %d, err %v; want 9", term, err)
	}
	if err := stores.Close(); err != nil {
		t.Error(err)
	}
}
