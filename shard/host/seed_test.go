package host

import (
	"bytes"
	"os"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// identityBeforeSeeds is what a node of a cluster wrote before there were hash seeds.
const identityBeforeSeeds = `{
  "formatVersion": 1,
  "clusterId": "c1",
  "nodeId": "000102030405060708090a0b0c0d0e0f10111213",
  "startCount": "4",
  "createdMs": "1700000000000"
}
`

func TestFolderOfAnOlderProgramHasNoHashSeed(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Belong("c1", settingsForTest(), false))
	must(t, os.WriteFile(f.path("identity.json"), []byte(identityBeforeSeeds), 0o600))
	f = reopen(t, f)
	if f.HashSeed() != 0 || f.StartCount() != 5 || f.ClusterID() != "c1" {
		t.Errorf("seed %x, start %d, cluster %q", f.HashSeed(), f.StartCount(), f.ClusterID())
	}
	data, err := os.ReadFile(f.path("identity.json"))
	must(t, err)
	if bytes.Contains(data, []byte("hashSeed")) {
		t.Errorf("a seed was made up for a cluster that has none: %s", data)
	}
}

func TestFounderDrawsAHashSeedThatStays(t *testing.T) {
	f, other := openFolder(t, t.TempDir()), openFolder(t, t.TempDir())
	if f.HashSeed() != 0 {
		t.Error("a seed without a cluster")
	}
	must(t, f.Belong("c1", settingsForTest(), true))
	must(t, other.Belong("c2", settingsForTest(), true))
	seed := f.HashSeed()
	if seed == 0 || other.HashSeed() == 0 || seed == other.HashSeed() {
		t.Errorf("seeds %x and %x of two clusters", seed, other.HashSeed())
	}
	if f = reopen(t, f); f.HashSeed() != seed {
		t.Errorf("seed %x after a restart, want %x", f.HashSeed(), seed)
	}
	must(t, f.Belong("c1", settingsForTest(), true))
	if f.HashSeed() != seed {
		t.Error("the seed of a cluster changed")
	}
	info, err := os.Stat(f.path("identity.json"))
	must(t, err)
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read the file that holds the seed: %v", info.Mode())
	}
}

// placesOf is what a store of that seed says of its keys' places.
func placesOf(t *testing.T, st *store.Store) []byte {
	t.Helper()
	st.SetStamping(store.Stamping{New: 9})
	for _, key := range []string{"{s}1", "{s}2", "{s}3"} {
		sl := st.Slot(slot.Of([]byte(key)))
		sl.Lock()
		sl.ApplyLocked(&entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Version: 1})
		sl.Unlock()
	}
	portion, _, _ := store.NewStampPass(st, store.StampsLRU, false).Next(nil, 9000, slot.Count, 1<<10)
	return portion
}

// The seed gets from the folder into the meta group's state and into the stores, and where an older program has dropped it
// from the folder it comes back from the state.
func TestHashSeedOfTheClusterReachesItsStores(t *testing.T) {
	f := openFolder(t, t.TempDir())
	must(t, f.Belong("c1", settingsForTest(), true))
	seed := f.HashSeed()
	h, err := founder(t, f)
	must(t, err)
	createShard(t, h)
	await(t, "the shard serves", h, func() bool { return servesAllSlots(h) })
	if got := h.State().HashSeed(); got != seed {
		t.Errorf("seed %x in the state, %x in the folder", got, seed)
	}
	r, _ := h.Replica(1)
	must(t, h.Close()) // nobody else writes to its store from here on
	if got, want := placesOf(t, r.Store()), placesOf(t, store.NewSeeded(seed)); !bytes.Equal(got, want) {
		t.Errorf("the store of a replica places keys as % x, want % x", got, want)
	}
	if bytes.Equal(placesOf(t, store.NewSeeded(seed)), placesOf(t, store.New())) {
		t.Error("the test cannot tell seeds apart")
	}

	f = reopen(t, f)
	must(t, f.SetHashSeed(0))
	h, err = founder(t, f)
	must(t, err)
	await(t, "the folder has the seed again", h, func() bool { return f.HashSeed() == seed })
	if r, _ := h.Replica(1); r == nil {
		t.Error("the replica was not opened")
	}
}
