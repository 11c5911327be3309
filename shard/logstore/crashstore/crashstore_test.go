package crashstore

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/logstore"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, d *Disk) *Stores {
	t.Helper()
	s, err := d.Open(Hooks{Fatal: func(err error) { t.Errorf("fatal: %v", err) }})
	must(t, err)
	return s
}

func entry(index uint64) *raft.Log {
	return &raft.Log{Index: index, Term: 1, Data: fmt.Appendf(nil, "%d", index)}
}

func last(s *Stores) uint64 {
	index, _ := s.Log.LastIndex()
	return index
}

func TestAcknowledgedEntrySurvivesEveryCrashUnderAlways(t *testing.T) {
	for _, loss := range []Loss{LoseNothing, LoseUnsynced, LoseSuffix, TearRecord} {
		d := New(Config{Group: 1})
		s := open(t, d)
		must(t, s.Log.StoreLogs([]*raft.Log{entry(1), entry(2)}))
		d.Crash(loss)
		must(t, s.Close())
		s = open(t, d)
		if got := last(s); got != 2 {
			t.Errorf("loss %d: last = %d, want 2", loss, got)
		}
		must(t, s.Close())
	}
}

func TestPowerCutUnderEverySecTakesOnlyWhatWasNotSynced(t *testing.T) {
	lost, torn := false, false
	for seed := range uint64(20) {
		for _, loss := range []Loss{LoseUnsynced, LoseSuffix, TearRecord} {
			d := New(Config{Group: 1, Sync: logstore.SyncEverySec, Seed: seed})
			s := open(t, d)
			for i := uint64(1); i <= 9; i++ {
				must(t, s.Log.StoreLog(entry(i)))
				if i == 4 {
					must(t, d.Sync())
				}
			}
			d.Crash(LoseNothing) // a kill takes nothing
			must(t, s.Close())
			s = open(t, d)
			if got := last(s); got != 9 {
				t.Fatalf("seed %d: last after a kill = %d, want 9", seed, got)
			}
			d.Crash(loss)
			must(t, s.Close())
			s = open(t, d)
			got := last(s)
			if got < 4 || loss == LoseUnsynced && got != 4 {
				t.Errorf("seed %d, loss %d: last = %d, want 4 or what is left above", seed, loss, got)
			}
			lost = lost || got < 9
			torn = torn || d.Stats().TornRecords > 0
			for i := uint64(1); i <= got; i++ {
				var e raft.Log
				if err := s.Log.GetLog(i, &e); err != nil || string(e.Data) != fmt.Sprint(i) {
					t.Errorf("seed %d, loss %d: entry %d = %q, %v", seed, loss, i, e.Data, err)
				}
			}
			must(t, s.Close())
		}
	}
	if !lost || !torn {
		t.Errorf("lost %v, torn %v: the crashes had no effect", lost, torn)
	}
}

func TestFailedSyncPoisonsTheLog(t *testing.T) {
	d := New(Config{Group: 1})
	var fatal, appended int
	s, err := d.Open(Hooks{Fatal: func(error) { fatal++ }, Appended: func([]*raft.Log) { appended++ }})
	must(t, err)
	d.FailSync(2)
	must(t, s.Log.StoreLog(entry(1)))
	if err := s.Log.StoreLog(entry(2)); !errors.Is(err, ErrDisk) {
		t.Errorf("second append: %v, want ErrDisk", err)
	}
	if err := s.Log.StoreLog(entry(2)); !errors.Is(err, logstore.ErrFatal) {
		t.Errorf("third append: %v, want logstore.ErrFatal", err)
	}
	if fatal != 1 || appended != 1 {
		t.Errorf("fatal %d, appended %d, want 1 and 1", fatal, appended)
	}
	d.Crash(LoseUnsynced)
	must(t, s.Close())
	s = open(t, d)
	must(t, s.Log.StoreLog(entry(2))) // a restart reads the disk again
	must(t, s.Close())
}

// The write hangs for a virtual hour; a compaction behind it must not keep the bubble's clock from going.
func TestHungSyncEndsOnRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(Config{Group: 1})
		s := open(t, d)
		must(t, s.Log.StoreLogs([]*raft.Log{entry(1), entry(2), entry(3)}))
		release := d.HangSync(1)
		done := make(chan error, 2)
		go func() { done <- s.Log.StoreLog(entry(4)) }()
		go func() { done <- s.Log.DeleteRange(1, 1) }()
		time.Sleep(time.Hour)
		if got := s.Log.WritingFor(); got < time.Hour {
			t.Errorf("writing for %v, want an hour", got)
		}
		select {
		case err := <-done:
			t.Errorf("a write ended on a hung disk: %v", err)
		default:
		}
		release()
		must(t, <-done)
		must(t, <-done)
		must(t, s.Close())
	})
}

func TestGhostReachesNothing(t *testing.T) {
	d := New(Config{Group: 1})
	announced := 0
	ghost, err := d.Open(Hooks{
		Fatal:    func(err error) { t.Errorf("a ghost stopped the process: %v", err) },
		Appended: func([]*raft.Log) { announced++ },
	})
	must(t, err)
	must(t, ghost.Log.StoreLog(entry(1)))
	d.Crash(LoseNothing)
	if err := ghost.Log.StoreLog(entry(2)); !errors.Is(err, ErrCrashed) || announced != 1 {
		t.Errorf("a ghost's append: %v, announced %d; want ErrCrashed, 1", err, announced)
	}
	must(t, ghost.Stable.SetUint64([]byte("CurrentTerm"), 9))
	must(t, ghost.Log.GetLog(1, &raft.Log{}))
	s := open(t, d)
	if term, err := s.Stable.GetUint64([]byte("CurrentTerm")); term != 0 || err == nil {
		t.Errorf("a ghost's term is on the disk: %d", term)
	}
	must(t, errors.Join(ghost.Close(), s.Close()))
}

func TestClosedSnapshotSurvivesAndRecordsBoundary(t *testing.T) {
	d := New(Config{Group: 1})
	s := open(t, d)
	must(t, s.Log.StoreLogs([]*raft.Log{entry(1), entry(2), entry(3)}))
	cut := d.CutPowerAfter(0) // the snapshot is complete, its boundary is not
	sink, err := s.Snapshots.Create(1, 2, 5, raft.Configuration{}, 1, nil)
	must(t, err)
	if _, err := sink.Write([]byte("state")); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); !errors.Is(err, ErrCrashed) {
		t.Errorf("close without power: %v, want ErrCrashed", err)
	}
	<-cut
	d.Crash(LoseUnsynced)
	must(t, s.Close())
	s = open(t, d)
	if got := s.Log.Boundary(); got != (logstore.Boundary{Index: 2, Term: 5}) {
		t.Errorf("boundary = %+v, want 2 of term 5", got)
	}
	if got := last(s); got != 0 { // entry 2 was of term 1: the whole log contradicts the snapshot
		t.Errorf("last = %d, want 0", got)
	}
	must(t, s.Close())
}

// A raft follower votes for x in term 5 and loses its power while it votes for y in term 6. x, whose log is too old, asks
// again in term 6. The planted defect gives it the vote (hashicorp/raft#661).
func TestVoteInTwoStepsIsNoticed(t *testing.T) {
	granted := func(defect Defect, syncs uint64) (granted bool) {
		synctest.Test(t, func(t *testing.T) {
			d := New(Config{Group: 1, Defect: defect})
			ask, stop := voter(t, d, true)
			if !ask("x", 5, 5) {
				t.Fatal("x did not get the vote of term 5")
			}
			d.CutPowerAfter(syncs)
			ask("y", 6, 5)
			d.Crash(LoseUnsynced)
			stop()
			ask, stop = voter(t, d, false)
			granted = ask("x", 6, 4)
			stop()
		})
		return granted
	}
	for syncs := range uint64(4) {
		if granted(NoDefect, syncs) {
			t.Errorf("power cut after %d syncs: the old candidate got a vote in the new term", syncs)
		}
	}
	if !granted(VoteInTwoSteps, 2) {
		t.Error("the planted defect is not noticed")
	}
}

// voter runs an unmodified raft on d that only answers votes.
func voter(t *testing.T, d *Disk, fresh bool) (ask func(candidate string, term, lastLogTerm uint64) bool, stop func()) {
	t.Helper()
	s := open(t, d)
	if fresh {
		must(t, s.Log.StoreLogs([]*raft.Log{
			{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{
				{ID: "f", Address: "f"}, {ID: "x", Address: "x"}, {ID: "y", Address: "y"}}})},
			{Index: 2, Term: 5, Type: raft.LogNoop},
		}))
	}
	config := raft.DefaultConfig()
	config.LocalID = "f"
	config.HeartbeatTimeout, config.ElectionTimeout = time.Hour, time.Hour
	config.Logger = hclog.NewNullLogger()
	_, trans := raft.NewInmemTransport("f")
	_, caller := raft.NewInmemTransport("caller")
	caller.Connect("f", trans)
	r, err := raft.NewRaft(config, &raft.MockFSM{}, s.Log, s.Stable, s.Snapshots, trans)
	must(t, err)
	ask = func(candidate string, term, lastLogTerm uint64) bool {
		var resp raft.RequestVoteResponse
		must(t, caller.RequestVote("f", "f", &raft.RequestVoteRequest{
			RPCHeader:    raft.RPCHeader{ProtocolVersion: 3, ID: []byte(candidate), Addr: []byte(candidate)},
			Term:         term,
			LastLogIndex: 2,
			LastLogTerm:  lastLogTerm,
		}, &resp))
		return resp.Granted
	}
	return ask, func() {
		must(t, r.Shutdown().Error())
		must(t, errors.Join(s.Close(), caller.Close(), trans.Close()))
	}
}
