package host

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

// nodeID is a node id that says who it is.
func nodeID(letter string) string { return strings.Repeat(letter, 2*idBytes) }

func TestGroupIsRecoveredOnlyWhereItsMajorityIsLostAndNobodyElseMayDoIt(t *testing.T) {
	for _, c := range []struct {
		what, voters, left string // one letter a node; this one is a
		named              []uint64
		want               RecoverAction
	}{
		{"one of three is left", "abc", "a", nil, RecoverGroup},
		{"two of three are left", "abc", "ab", nil, RecoverKeep},
		{"all are left", "abc", "abc", nil, RecoverKeep},
		{"the only voter", "a", "a", nil, RecoverKeep},
		{"one of two is left", "ab", "a", nil, RecoverGroup},
		{"two of five are left", "abcde", "ab", nil, RecoverName},
		{"two of five are left, it is named", "abcde", "ab", []uint64{7}, RecoverGroup},
		{"two of five are left, another is named", "abcde", "ab", []uint64{8}, RecoverSkip},
		{"a majority is left, it is named", "abc", "ab", []uint64{7}, RecoverKeep},
		{"this node has no vote", "bcd", "b", []uint64{7}, RecoverNothing},
		{"this node knows no voters", "", "", nil, RecoverNothing},
	} {
		g := GroupPlan{ID: 7, Voters: strings.Split(c.voters, ""), Left: strings.Split(c.left, "")}
		if got := g.decide("a", c.named); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
	g := GroupPlan{ID: shard.MetaGroup, Voters: []string{"a", "b", "c"}, Left: []string{"a"}}
	if got := g.decide("a", []uint64{0}); got != RecoverGroup {
		t.Errorf("the meta group is named: %d", got)
	}
}

// threeVoters is a closed folder whose shard 1 has this node and two more as voters, in its log alone.
func threeVoters(t *testing.T) (f *Folder, voters []string) {
	t.Helper()
	f = openTestFolder(t, FolderConfig{Dir: t.TempDir()})
	must(t, f.Belong("c1", settingsForTest(), false))
	must(t, f.SaveNodes([]meta.Node{nodeForTest(nodeID("b"), 1)}))
	folder, name := folderOf(1)
	must(t, makeFolder(f.path(folder)))
	must(t, f.setMark(name, &storagev1.GroupMark{Group: 1, Phase: bootstrapped}))
	voters = slices.Sorted(slices.Values([]string{f.NodeID(), nodeID("b"), nodeID("c")}))
	log, _, err := f.openGroupLog(1, folder)
	must(t, err)
	must(t, f.Stable.Group(1).SetUint64([]byte("CurrentTerm"), 4))
	must(t, log.StoreLogs([]*raft.Log{
		{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(configurationOf(voters))},
		{Index: 2, Term: 3, Type: raft.LogNoop},
	}))
	must(t, log.Close())
	must(t, f.Close())
	return f, voters
}

// recoveredLog is the last entry of shard 1, and the group's term.
func recoveredLog(t *testing.T, f *Folder) (raft.Log, uint64) {
	t.Helper()
	folder, _ := folderOf(1)
	log, _, err := f.openGroupLog(1, folder)
	must(t, err)
	defer log.Close()
	last, err := log.LastIndex()
	must(t, err)
	var entry raft.Log
	must(t, log.GetLog(last, &entry))
	term, err := f.Stable.Group(1).GetUint64([]byte("CurrentTerm"))
	must(t, err)
	return entry, term
}

// What is planned is what is done: one more entry, in a term that no lost node has, and a record of who is lost. A plan
// alone changes nothing.
func TestRecoveryWritesOneMoreConfigurationInALateTerm(t *testing.T) {
	f, voters := threeVoters(t)
	before := treeOf(t, f.Dir)
	plan, err := PlanRecovery(RecoverConfig{Dir: f.Dir})
	must(t, err)
	if after := treeOf(t, f.Dir); !maps.Equal(before, after) {
		t.Error("planning has changed the folder")
	}
	others := slices.DeleteFunc(slices.Clone(voters), func(id string) bool { return id == f.NodeID() })
	if len(plan.Groups) != 1 || plan.Groups[0].Action != RecoverGroup || plan.Groups[0].Last != 2 || plan.Groups[0].LastTerm != 3 || !slices.Equal(plan.Groups[0].Lost, others) {
		t.Fatalf("plan %+v", plan)
	}
	if want := []LostNode{{nodeID("b"), nodeID("b") + ":3"}, {nodeID("c"), ""}}; !slices.Equal(plan.Lost, want) {
		t.Errorf("lost %v, want %v", plan.Lost, want)
	}
	must(t, Recover(plan))
	f = reopen(t, f)
	entry, term := recoveredLog(t, f)
	if entry.Index != 3 || entry.Type != raft.LogConfiguration || entry.Term != term || term < 4+termsSkipped {
		t.Errorf("entry %+v, term %d", entry, term)
	}
	if c := raft.DecodeConfiguration(entry.Data); len(c.Servers) != 1 || string(c.Servers[0].ID) != f.NodeID() || c.Servers[0].Suffrage != raft.Voter {
		t.Errorf("configuration %+v", c)
	}
	lost, err := f.lostNodes()
	if err != nil || !slices.Equal(lost, others) {
		t.Errorf("lost %v, %v, want %v", lost, err, others)
	}
	must(t, f.Close())

	again, err := PlanRecovery(RecoverConfig{Dir: f.Dir})
	must(t, err)
	if again.Changes() {
		t.Errorf("a second recovery would do %+v", again)
	}
	if err := Recover(plan); err == nil || !strings.Contains(err.Error(), "somebody has used the folder meanwhile") {
		t.Errorf("an old plan: %v", err)
	}
}

// A recovery may be cut short after any of its writes and is done again.
func TestRecoveryCutShortIsDoneAgain(t *testing.T) {
	f, _ := threeVoters(t)
	plan, err := PlanRecovery(RecoverConfig{Dir: f.Dir})
	must(t, err)
	f = reopen(t, f)
	must(t, f.setRecovered("1", &storagev1.GroupRecovery{Group: 1, Index: 3, Voters: plan.Groups[0].Left, Lost: plan.Groups[0].Lost}))
	must(t, f.Stable.Group(1).SetUint64([]byte("CurrentTerm"), 4+termsSkipped+17))
	must(t, f.Close())
	plan, err = PlanRecovery(RecoverConfig{Dir: f.Dir})
	must(t, err)
	must(t, Recover(plan))
	if entry, term := recoveredLog(t, reopen(t, f)); entry.Index != 3 || term < 4+2*termsSkipped+17 {
		t.Errorf("entry %d, term %d", entry.Index, term)
	}
}

func TestRecoveryEndsTheGuard(t *testing.T) {
	f, _ := threeVoters(t)
	f = reopen(t, f)
	must(t, f.Run.Guard("test"))
	must(t, f.Close())
	plan, err := PlanRecovery(RecoverConfig{Dir: f.Dir, Survivors: []string{nodeID("b"), nodeID("c")}})
	must(t, err)
	if plan.Groups[0].Action != RecoverKeep || plan.Guard != "test" || !plan.Changes() {
		t.Errorf("plan %+v", plan)
	}
	must(t, Recover(plan))
	f = reopen(t, f)
	if on, why := f.Run.Guarded(1); on {
		t.Errorf("guarded: %s", why)
	}
	if entry, _ := recoveredLog(t, f); entry.Index != 2 {
		t.Errorf("a group with a majority was changed: entry %d", entry.Index)
	}
}

func TestRecoveryIsRefused(t *testing.T) {
	f, _ := threeVoters(t)
	for _, survivors := range [][]string{{"short"}} {
		if _, err := PlanRecovery(RecoverConfig{Dir: f.Dir, Survivors: survivors}); err == nil || !strings.Contains(err.Error(), "is no node id") {
			t.Errorf("survivors %v: %v", survivors, err)
		}
	}
	f = reopen(t, f)
	if _, err := PlanRecovery(RecoverConfig{Dir: f.Dir}); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a node that runs: %v", err)
	}
	must(t, f.Close())
	rewrite(t, segments(t, f.Dir)[0], flip(400))
	if _, err := PlanRecovery(RecoverConfig{Dir: f.Dir}); err == nil || !strings.Contains(err.Error(), "offset") {
		t.Errorf("a damaged log: %v", err)
	}
	fresh := openFolder(t, t.TempDir())
	must(t, fresh.Close())
	if _, err := PlanRecovery(RecoverConfig{Dir: fresh.Dir}); err == nil || !strings.Contains(err.Error(), "belongs to no cluster") {
		t.Errorf("a node of no cluster: %v", err)
	}
}

// The leader's own configuration says who stays: a node that was lost once and is a member again is left alone.
func TestLostNodeThatIsAMemberAgainStays(t *testing.T) {
	h := &Host{lost: []string{"b", "c"}}
	now := shard.Members{Voters: []string{"a", "d"}, Learners: []string{"c"}}
	for id, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true, "e": true} {
		if got := h.staysIn(now, id); got != want {
			t.Errorf("node %s stays: %v, want %v", id, got, want)
		}
	}
}

// A snapshot that is damaged is done without, as by a start, where the log leads on from an older one. Where it does not,
// acknowledged entries are missing here, and nothing is recovered.
func TestRecoveryDoesWithoutASnapshotOnlyWhereTheLogLeadsOn(t *testing.T) {
	f, voters := threeVoters(t)
	f = reopen(t, f)
	folder, _ := folderOf(1)
	log, snapshots, err := f.openGroupLog(1, folder)
	must(t, err)
	for index := uint64(3); index <= 10; index++ {
		must(t, log.StoreLog(&raft.Log{Index: index, Term: 4, Type: raft.LogNoop}))
	}
	for _, index := range []uint64{4, 8} {
		sink, err := snapshots.Create(raft.SnapshotVersionMax, index, 4, configurationOf(voters), 1, nil)
		must(t, err)
		_, err = sink.Write([]byte("a state"))
		must(t, err)
		must(t, sink.Close())
	}
	must(t, log.DeleteRange(1, 4))
	must(t, log.Close())
	must(t, f.Close())
	found, _, err := logstore.InspectSnapshots(f.path(folder))
	must(t, err)
	damage := func(v logstore.SnapshotView) {
		rewrite(t, v.Path, func(b []byte) []byte { return flip(len(b) - 30)(b) })
	}

	damage(found[0])
	plan, err := PlanRecovery(RecoverConfig{Dir: f.Dir})
	must(t, err)
	g := plan.Groups[0]
	if g.Action != RecoverGroup || g.Snapshot != 4 || g.Last != 10 || len(g.Voters) != 3 || g.Damage == nil || !strings.Contains(g.Damage.Error(), found[0].Path) {
		t.Errorf("the newest is damaged: %+v", g)
	}
	must(t, Recover(plan))
	f = reopen(t, f)
	if entry, _ := recoveredLog(t, f); entry.Index != 11 || entry.Type != raft.LogConfiguration {
		t.Errorf("entry %+v", entry)
	}
	must(t, f.Close())

	damage(found[1])
	if _, err := PlanRecovery(RecoverConfig{Dir: f.Dir}); err == nil || !strings.Contains(err.Error(), "missing or damaged") || !strings.Contains(err.Error(), found[1].Path) {
		t.Errorf("both are damaged and the log begins with 5: %v", err)
	}
}
