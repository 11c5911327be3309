package logstore

import (
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The fsync is held while the policy becomes a stronger one: the change is not done before it, and neither is any write
// that came meanwhile.
func TestStrongerPolicyIsInForceOnlyOnceEverythingIsSynced(t *testing.T) {
	for _, weak := range []SyncPolicy{SyncNo, SyncEverySec} {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			var held atomic.Bool
			w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: weak, faults: walFaults{sync: func() error {
				if held.Load() {
					<-release
				}
				return nil
			}}})
			g := groupOf(t, w, 1)
			must(t, g.Append(entriesOf(1, 1, 3)))
			end := writtenTo(w)
			if synced := w.synced.at(); synced >= end {
				t.Fatalf("%v: synced up to %v at once, so this test shows nothing", weak, synced)
			}
			held.Store(true)
			changed, wrote := make(chan error, 1), make(chan error, 1)
			go func() { changed <- w.SetSync(SyncAlways) }()
			synctest.Wait()
			go func() { wrote <- g.Append(entriesOf(1, 4, 4)) }()
			synctest.Wait()
			select {
			case err := <-changed:
				t.Errorf("%v: always was in force before anything was synced (%v)", weak, err)
			case err := <-wrote:
				t.Errorf("%v: a write was acknowledged before it was synced (%v)", weak, err)
			default:
			}
			close(release)
			must(t, <-changed)
			must(t, <-wrote)
			if synced := w.synced.at(); synced < writtenTo(w) {
				t.Errorf("%v: synced up to %v of %v", weak, synced, writtenTo(w))
			}
			must(t, w.Close())
		})
	}
}

// A write that was handed over under the weaker policy and is written under the stronger one is acknowledged by the
// stronger one: it may come behind the fsync that the change waits for.
func TestPolicyAtTheTimeOfTheWriteDecides(t *testing.T) {
	w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: SyncNo})
	g := groupOf(t, w, 1)
	q := newWALRequest(g, doneByPolicy)
	r := entryRecord(1, entriesOf(1, 1, 1)[0])
	q.add(&r)
	must(t, w.SetSync(SyncAlways))
	must(t, w.do(q))
	if synced := w.synced.at(); synced < writtenTo(w) {
		t.Errorf("synced up to %v of %v", synced, writtenTo(w))
	}
}

func TestEverySecAfterNoSyncsWhatWasWrittenBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: SyncNo})
		g := groupOf(t, w, 1)
		must(t, g.Append(entriesOf(1, 1, 3)))
		time.Sleep(10 * unsyncedMax)
		must(t, w.SetSync(SyncEverySec))
		if synced := w.synced.at(); synced < writtenTo(w) {
			t.Errorf("synced up to %v of %v", synced, writtenTo(w))
		}
		must(t, g.Append(entriesOf(1, 4, 4)))
		time.Sleep(syncEvery + 50*time.Millisecond)
		synctest.Wait()
		if synced := w.synced.at(); synced < writtenTo(w) {
			t.Error("what was written under everysec was not synced within a second")
		}
		must(t, w.Close())
	})
}

// A writer waits for a late fsync of everysec, and the policy becomes no: nobody would bring that fsync any more but for
// the change.
func TestWeakerPolicyLeavesNoWriterWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var held atomic.Bool
		w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: SyncEverySec, faults: walFaults{sync: func() error {
			if held.Load() {
				<-release
			}
			return nil
		}}})
		g := groupOf(t, w, 1)
		held.Store(true)
		must(t, g.Append(entriesOf(1, 1, 1)))
		time.Sleep(unsyncedMax + time.Second)
		wrote := make(chan error, 1)
		go func() { wrote <- g.Append(entriesOf(1, 2, 2)) }()
		synctest.Wait()
		must(t, w.SetSync(SyncNo))
		close(release)
		must(t, <-wrote)
		must(t, g.Append(entriesOf(1, 3, 3)))
		must(t, w.Close())
	})
}

// The policy changes all the time while several groups write: every write is answered, and what was acknowledged is there.
func TestPolicyChangesWhileGroupsWrite(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	var writers sync.WaitGroup
	const groups, writes = 4, 200
	for id := range uint64(groups) {
		g := groupOf(t, w, id)
		writers.Go(func() {
			for i := range uint64(writes) {
				if err := g.Append(entriesOf(1, i+1, i+1)); err != nil {
					t.Errorf("group %d: %v", id, err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var changes sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := w.SetSync([]SyncPolicy{SyncNo, SyncAlways, SyncEverySec}[i%3]); err != nil {
				t.Errorf("change: %v", err)
			}
		}
	})
	writers.Wait()
	close(stop)
	changes.Wait()
	must(t, w.Close())
	w = openTestWAL(t, WALConfig{Dir: dir})
	for id := range uint64(groups) {
		wantEntries(t, groupOf(t, w, id), entriesOf(1, 1, writes))
	}
}

func TestPolicyThatThereIsNotIsRefused(t *testing.T) {
	w := openTestWAL(t, WALConfig{Dir: t.TempDir()})
	for _, p := range []SyncPolicy{0, SyncNo + 1} {
		if err := w.SetSync(p); !errors.Is(err, ErrSyncPolicy) || w.Sync() != SyncAlways {
			t.Errorf("%v: got %v and %v", p, err, w.Sync())
		}
	}
}

func TestRunRemembersTheWeakestPolicySinceEverythingWasSynced(t *testing.T) {
	for _, c := range []struct {
		what     string
		policies []SyncPolicy
		guarded  bool
	}{
		{"weaker", []SyncPolicy{SyncEverySec}, true},
		{"weaker, then stronger", []SyncPolicy{SyncNo, SyncAlways}, false},
		{"never weaker", []SyncPolicy{SyncAlways}, false},
	} {
		cfg := RunConfig{Path: filepath.Join(t.TempDir(), "run"), Sync: SyncAlways, Boot: "boot-1", Fresh: true}
		r, err := BeginRun(cfg)
		must(t, err)
		for _, p := range c.policies {
			must(t, r.SetSync(p))
		}
		cfg.Fresh, cfg.Boot = false, "boot-2"
		r, err = BeginRun(cfg)
		must(t, err)
		if on, reason := r.Guarded(1); on != c.guarded {
			t.Errorf("%s: guarded = %v (%q), want %v", c.what, on, reason, c.guarded)
		}
	}
}
