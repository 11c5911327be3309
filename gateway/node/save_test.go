package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/shard"
)

// A save that was asked for reaches every shard of the node, is seen in INFO, and is what a restart begins with.
func TestSaveWritesSnapshotsOfEveryShard(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	c := clientOf(t, []*Node{n})
	for i := range 100 {
		set(t, c, "k"+strings.Repeat("x", i), i)
	}
	facts := n.info().Save
	if facts.Unsaved < 100 || facts.Saves != 0 || !facts.Last.Equal(n.started) || facts.LogBytes == 0 {
		t.Errorf("before the save: %+v", facts)
	}
	if err := c.Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	facts = n.info().Save
	if facts.Unsaved != 0 || facts.Saves != uint64(len(n.host.Load().Replicas())) || facts.Last.Equal(n.started) || facts.Running || facts.Failed || facts.Took == 0 {
		t.Errorf("after the save: %+v", facts)
	}
	if err := c.BgSave(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	await(t, "the save in the background has ended", func() bool {
		f := n.info().Save
		return f.Saves == 2*facts.Saves && !f.Running
	})
	addrs, dir := n.Addresses(), n.cfg.Dir
	closeNode(t, n)
	n = open(t, Config{Dir: dir, Listen: addrs})
	awaitReady(t, n)
	if got, err := clientOf(t, []*Node{n}).Get(t.Context(), "kxx").Int(); err != nil || got != 2 {
		t.Errorf("kxx after a restart: %d, %v", got, err)
	}
}

// A start replays what is little, and loads the snapshots that the stop before wrote of the rest.
func TestAStopSavesWhatTheNextStartWouldHaveToReplay(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	addrs, dir := n.Addresses(), n.cfg.Dir
	again := func() (saved bool) {
		closeNode(t, n)
		n = open(t, Config{Dir: dir, Listen: addrs})
		awaitReady(t, n)
		return slices.ContainsFunc(n.host.Load().SaveStatus(), func(s shard.SaveStatus) bool { return !s.Last.IsZero() })
	}
	set(t, clientOf(t, []*Node{n}), "small", 1)
	if again() {
		t.Error("a snapshot was written for one small value")
	}
	long := strings.Repeat("x", 100_000)
	for range 20 {
		set(t, clientOf(t, []*Node{n}), "large", long)
	}
	if !again() {
		t.Error("no snapshot was written for 2 MB of log")
	}
	c := clientOf(t, []*Node{n})
	if got, err := c.Get(t.Context(), "large").Result(); err != nil || got != long {
		t.Errorf("after the restart: %d bytes, %v", len(got), err)
	}
	if got, err := c.Get(t.Context(), "small").Int(); err != nil || got != 1 {
		t.Errorf("after the restart: %d, %v", got, err)
	}
}

func TestSaveFactsPutTheShardsTogether(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	all := []shard.SaveStatus{
		{Last: at(500), Took: time.Second, Saves: 2, Unsaved: 10, Held: raftfsm.HeldStats{Classes: [4]uint64{1, 2, 3, 4}, Max: 7}},
		{Last: at(300), Took: 2 * time.Second, Saves: 1, Unsaved: 5, Began: at(600), Held: raftfsm.HeldStats{Classes: [4]uint64{1, 0, 0, 0}, Max: 9}},
		{Last: at(400), Began: at(590), Err: respserver.ErrSaveRunning},
	}
	got := sumOfSaves(all, at(100))
	want := respserver.SaveFacts{
		Last: at(300), Running: true, Began: at(590), Failed: true, Took: 3 * time.Second, Saves: 3, Unsaved: 15,
		HeldMax: 9, Held: [4]uint64{2, 2, 3, 4},
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	all[0].Last = time.Time{}
	if got := sumOfSaves(all, at(100)).Last; got != at(100) {
		t.Errorf("with a shard that was never saved: %v, want the start", got)
	}
}
