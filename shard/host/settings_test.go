package host

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/logstore"
)

func change(t *testing.T, name, value string) []*storagev1.ChangeSetting {
	t.Helper()
	c, err := meta.ParseChange(name, value)
	must(t, err)
	return []*storagev1.ChangeSetting{c}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// goesByFrequency asks a replica what its policy keeps of a key, which is written for that.
func goesByFrequency(t *testing.T, h *Host) bool {
	t.Helper()
	r, ok := h.Replica(1)
	if !ok {
		t.Fatal("no replica")
	}
	w, key := executor.NewWaiter(), []byte("key")
	var usage executor.Usage
	q := &executor.Request{Slot: slot.Of(key), Do: func(tx *executor.Tx) {
		tx.Set(key, []byte("v"), entry.TypeString, 0)
		usage, _ = tx.Usage(key)
	}}
	must(t, r.Executor().Submit(w, q))
	must(t, w.Wait(bounded(t)))
	if q.Err != nil {
		t.Fatal(q.Err)
	}
	return usage.Frequency
}

// A change reaches the replicas that are open, those that are opened later, and the log; what this node may hold outlives
// its restart unless it is told otherwise.
func TestSettingsReachReplicasAndLogAtRunTimeAndAfterARestart(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Belong("c1", settingsForTest(), true))
	h, err := founder(t, f)
	must(t, err)
	createShard(t, h)
	await(t, "the shard serves", h, func() bool { return servesAllSlots(h) })
	await(t, "the shard has formed", h, func() bool { s, _ := h.State().Shard(1); return s.Phase == meta.ShardFormed })
	if goesByFrequency(t, h) || f.SyncPolicy() != logstore.SyncAlways {
		t.Fatal("the settings are not those of the beginning")
	}
	limit := int64(1 << 30)
	must(t, h.ChangeSettings(bounded(t), change(t, "maxmemory-policy", "allkeys-lfu"), &limit))
	must(t, h.ChangeSettings(bounded(t), change(t, "appendfsync", "everysec"), nil))
	wantSettings := func(when string) {
		t.Helper()
		if !goesByFrequency(t, h) || f.SyncPolicy() != logstore.SyncEverySec || h.MaxMemoryBytes() != limit || h.State().Budget(1) != limit {
			t.Errorf("%s: by frequency %v, sync %v, memory %d, budget %d", when, goesByFrequency(t, h), f.SyncPolicy(), h.MaxMemoryBytes(), h.State().Budget(1))
		}
	}
	wantSettings("after the change")
	refused := append(change(t, "maxmemory-policy", "noeviction"), change(t, "lease-max", "1s")...)
	less := int64(5)
	if err := h.ChangeSettings(bounded(t), refused, &less); apierr.KindOf(err) != apierr.KindInvalid {
		t.Errorf("a change that is not allowed: %v", err)
	}
	wantSettings("after a change that was refused")
	must(t, h.Close())

	f = reopen(t, f)
	if got := f.SyncPolicy(); got != logstore.SyncAlways {
		t.Errorf("a node that does not know the setting yet syncs %v, want always", got)
	}
	h, err = founder(t, f)
	must(t, err)
	await(t, "the shard serves again", h, func() bool { return servesAllSlots(h) })
	await(t, "the log goes by the setting", h, func() bool { return f.SyncPolicy() == logstore.SyncEverySec })
	wantSettings("after a restart")
}

func TestNodeToldWhatItMayHoldRegistersIt(t *testing.T) {
	h, _ := outsider(t, nil)
	h.cfg.Self.Zone, h.cfg.Self.Version = "", ""
	m := clusterOf(t, "a", "self")
	h.watched.Store(m.State())
	if c := h.registration(); c != nil {
		t.Errorf("a node that was told nothing proposes %v", c)
	}
	limit := int64(100)
	h.maxMemory.Store(&limit)
	apply(t, m, h.registration())
	h.watched.Store(m.State())
	if n, _ := m.State().Node("self"); n.MaxMemoryBytes != 100 || h.registration() != nil {
		t.Errorf("registered %+v, and then %v", n, h.registration())
	}
}

// A weaker policy that cannot be written down is not gone by: after a power cut nobody would know of it.
func TestWeakerPolicyIsWrittenDownBeforeTheLogGoesByIt(t *testing.T) {
	f := openFolder(t, t.TempDir())
	blocked := filepath.Join(f.Dir, runFile+".new")
	must(t, os.Mkdir(blocked, 0o700)) // nothing can be written there
	if err := f.SetSync(logstore.SyncNo); err == nil || f.SyncPolicy() != logstore.SyncAlways {
		t.Errorf("got %v, and the log is synced %v", err, f.SyncPolicy())
	}
	must(t, os.Remove(blocked))
	must(t, f.SetSync(logstore.SyncNo))
	if on, reason := afterPowerCut(t, f).Guarded(1); !on || !strings.Contains(reason, "appendfsync no") {
		t.Errorf("after a power cut: guarded %v (%q), want true with the policy", on, reason)
	}
	must(t, f.SetSync(logstore.SyncEverySec))
	if on, reason := afterPowerCut(t, f).Guarded(1); !on || !strings.Contains(reason, "appendfsync everysec") {
		t.Errorf("after a power cut: guarded %v (%q), want true with the policy", on, reason)
	}
	must(t, f.SetSync(logstore.SyncAlways))
	if on, reason := afterPowerCut(t, f).Guarded(1); on {
		t.Errorf("everything is synced, and the node would be guarded: %s", reason)
	}
}

// afterPowerCut is the record of the next run, were the power to go now.
func afterPowerCut(t *testing.T, f *Folder) *logstore.Run {
	t.Helper()
	data, err := os.ReadFile(f.path(runFile))
	must(t, err)
	path := filepath.Join(t.TempDir(), runFile)
	must(t, os.WriteFile(path, data, 0o600))
	run, err := logstore.BeginRun(logstore.RunConfig{Path: path, Sync: logstore.SyncAlways, Boot: "another"})
	must(t, err)
	return run
}

func TestLogInBoltStaysWithAlways(t *testing.T) {
	f := openTestFolder(t, FolderConfig{Dir: t.TempDir(), Log: LogStoreBolt})
	must(t, f.SetSync(logstore.SyncNo))
	if got := f.SyncPolicy(); got != logstore.SyncAlways {
		t.Errorf("got %v", got)
	}
	if on, reason := afterPowerCut(t, f).Guarded(1); on {
		t.Errorf("the node would be guarded: %s", reason)
	}
}

func TestEveryPolicyOfTheSettingsIsOneOfTheExecutor(t *testing.T) {
	for p := meta.NoEviction; p <= meta.VolatileTTL; p++ {
		if got, ok := executor.ParseEvictionPolicy(p.String()); !ok || got.String() != p.String() {
			t.Errorf("%v: got %v, %v", p, got, ok)
		}
	}
}
