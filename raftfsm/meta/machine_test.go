package meta

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// cluster is a machine together with the index of its next entry.
type cluster struct {
	*Machine
	t    testing.TB
	next uint64
}

func (c *cluster) apply(command *storagev1.MetaCommand) Result {
	c.next++
	return c.Apply(c.next, Encode(command))
}

// must applies a command that has to be accepted.
func (c *cluster) must(command *storagev1.MetaCommand) Result {
	c.t.Helper()
	r := c.apply(command)
	if r.Err != nil {
		c.t.Fatalf("%v: %v", command, r.Err)
	}
	return r
}

// refuse applies a command that has to be refused with a kind and a text, and to change nothing.
func (c *cluster) refuse(kind apierr.Kind, text string, command *storagev1.MetaCommand) {
	c.t.Helper()
	before := c.State()
	r := c.apply(command)
	if apierr.KindOf(r.Err) != kind || !strings.Contains(fmt.Sprint(r.Err), text) {
		c.t.Errorf("%v: got %v error %q, want %v with %q", command, apierr.KindOf(r.Err), r.Err, kind, text)
	}
	if r.Changed || r.Epoch != before.Epoch() || len(r.Shards)+len(r.Displaced) > 0 {
		c.t.Errorf("%v: a refused command answers %+v", command, r)
	}
	after := c.State().values
	after.applied = before.applied
	if !reflect.DeepEqual(after, before.values) {
		c.t.Errorf("%v: a refused command changed the state from %+v to %+v", command, before.values, after)
	}
}

func newCluster(t testing.TB) *cluster { return &cluster{Machine: New(), t: t} }

// threeNodes is a cluster of node-1 to node-3 without shards.
func threeNodes(t testing.TB) *cluster {
	c := newCluster(t)
	c.must(initCommand("c1", 3))
	c.must(registerCommand(2, 1))
	c.must(registerCommand(3, 1))
	return c
}

// threeShards is threeNodes with three shards of three replicas, the first of them formed.
func threeShards(t testing.TB) *cluster {
	c := threeNodes(t)
	c.must(createCommand(c.State().Epoch(), 3))
	c.must(formedCommand(1, 9))
	return c
}

func initCommand(id string, expect int) *storagev1.MetaCommand {
	settings := DefaultSettings()
	settings.ExpectNodes = expect
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
		ClusterId: id, CreatedMs: 1_700_000_000_000, FirstNode: registerCommand(1, 1).GetRegisterNode(),
		Settings: settings.Proto(),
	}}}
}

func nodeID(n int) string { return fmt.Sprintf("node-%d", n) }

func addressesAt(host string) Addresses {
	return Addresses{RESP: host + ":6379", GRPC: host + ":6380", Cluster: host + ":6381", Gossip: host + ":6382", HTTP: host + ":6383"}
}

func registerCommand(n int, start uint64) *storagev1.MetaCommand {
	return registerAt(n, start, fmt.Sprintf("10.0.0.%d", n))
}

func registerAt(n int, start uint64, host string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: &storagev1.RegisterNode{
		Id: nodeID(n), StartCount: start, Addresses: addressesAt(host).Proto(), Zone: "z1", Version: "v0.1.0",
	}}}
}

// createCommand plans n shards, each on nodes 1 to 3.
func createCommand(epoch uint64, n int) *storagev1.MetaCommand {
	c := &storagev1.CreateShards{ExpectedEpoch: epoch}
	for i, r := range slot.Split(n) {
		c.Shards = append(c.Shards, &storagev1.NewShard{
			Ranges: RangesProto([]slot.Range{r}), Replicas: []string{nodeID(3), nodeID(1), nodeID(2)}, PreferredLeader: nodeID(i%3 + 1),
		})
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: c}}
}

func formedCommand(shard, incarnation uint64) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: shard, Incarnation: incarnation}}}
}

func preferCommand(shard uint64, expected, preferred string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetPreferredLeader{SetPreferredLeader: &storagev1.SetPreferredLeader{Shard: shard, Expected: expected, Preferred: preferred}}}
}

func replicasCommand(shard uint64, expected, replicas []string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetReplicas{SetReplicas: &storagev1.SetReplicas{Shard: shard, Expected: expected, Replicas: replicas}}}
}

func votersCommand(expected, voters []string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetMetaVoters{SetMetaVoters: &storagev1.SetMetaVoters{Expected: expected, Voters: voters}}}
}

func removeCommand(id string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RemoveNode{RemoveNode: &storagev1.RemoveNode{Id: id}}}
}

func settingCommand(t testing.TB, name, value string) *storagev1.MetaCommand {
	t.Helper()
	c, err := ParseSetting(name, value)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// changesCommand changes several settings, given as names and values, and what a node may hold.
func changesCommand(t *testing.T, memory *storagev1.SetNodeMemory, namesAndValues ...string) *storagev1.MetaCommand {
	t.Helper()
	changes := &storagev1.ChangeSettings{NodeMemory: memory}
	for i := 0; i < len(namesAndValues); i += 2 {
		change, err := ParseChange(namesAndValues[i], namesAndValues[i+1])
		if err != nil {
			t.Fatal(err)
		}
		changes.Changes = append(changes.Changes, change)
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSettings{ChangeSettings: changes}}
}

func memoryOf(node string, start, bytes uint64) *storagev1.SetNodeMemory {
	return &storagev1.SetNodeMemory{Id: node, StartCount: start, MaxBytes: bytes}
}

func TestClusterGrowsFromOneNodeToThreeFormedShards(t *testing.T) {
	c := newCluster(t)
	if c.State().Initialized() {
		t.Fatal("a new machine has a cluster")
	}
	c.must(initCommand("c1", 3))
	c.must(registerCommand(3, 1))
	c.must(registerCommand(2, 1))
	r := c.must(createCommand(3, 3))
	if want := []slot.ShardID{1, 2, 3}; !reflect.DeepEqual(r.Shards, want) || r.Epoch != 4 {
		t.Fatalf("created shards %v at epoch %d, want %v at 4", r.Shards, r.Epoch, want)
	}
	c.must(formedCommand(2, 7))
	s := c.State()
	if s.ClusterID() != "c1" || s.Epoch() != 5 || s.Applied() != 5 || len(s.Nodes()) != 3 || s.Nodes()[1].ID != "node-2" || s.CreatedMs() != 1_700_000_000_000 {
		t.Errorf("state %+v", s.values)
	}
	if shard, ok := s.Shard(2); !ok || shard.Phase != ShardFormed || shard.FormedIncarnation != 7 || shard.PreferredLeader != "node-2" ||
		!reflect.DeepEqual(shard.Replicas, []string{"node-1", "node-2", "node-3"}) {
		t.Errorf("shard 2 is %+v", shard)
	}
	if m := s.SlotMap(); m.Epoch() != 5 || !m.Complete() || m.Owner(0) != 1 || m.Owner(16383) != 3 {
		t.Errorf("slot map of epoch %d: %v", m.Epoch(), m.Assignments())
	}
	if !reflect.DeepEqual(s.MetaVoters(), []string{"node-1"}) {
		t.Errorf("meta voters %v", s.MetaVoters())
	}
}

func TestStateThatWasHandedOutNeverChanges(t *testing.T) {
	c := threeShards(t)
	old := c.State()
	before := old.Snapshot()
	c.must(formedCommand(2, 11))
	c.must(preferCommand(1, "node-1", "node-2"))
	c.must(registerCommand(4, 1))
	c.must(replicasCommand(1, []string{"node-1", "node-2", "node-3"}, []string{"node-1", "node-2", "node-4"}))
	c.must(registerAt(5, 1, "10.0.0.3"))
	c.must(votersCommand([]string{"node-1"}, []string{"node-1", "node-3", "node-2"}))
	if !bytes.Equal(before, old.Snapshot()) {
		t.Error("commands changed a state that a reader holds")
	}
	c = movingState(t)
	old = c.State()
	before = old.Snapshot()
	c.start(move{1, 2, "1000"})
	c.must(commitCommand(1))
	c.must(endCommand(2, sourceSide))
	c.must(endCommand(3, targetSide))
	c.must(AbortMigration(5, ""))
	c.must(drainCommand("node-1", true))
	c.must(emptyShardCommand(c.State().Epoch()))
	c.must(formedCommand(6, 1))
	c.must(dissolveCommand(6))
	if !bytes.Equal(before, old.Snapshot()) {
		t.Error("commands about migrations changed a state that a reader holds")
	}
}

func TestRepeatedCommandsChangeNothing(t *testing.T) {
	c := threeShards(t)
	c.must(votersCommand([]string{"node-1"}, []string{"node-1", "node-3", "node-2"}))
	c.must(registerCommand(4, 1))
	c.must(removeCommand("node-4"))
	for _, command := range []*storagev1.MetaCommand{
		initCommand("c1", 3),
		registerCommand(2, 1),
		formedCommand(1, 9),
		formedCommand(1, 77),
		preferCommand(1, "node-3", "node-1"),
		replicasCommand(1, nil, []string{"node-2", "node-3", "node-1"}),
		votersCommand([]string{"node-1"}, []string{"node-1", "node-2", "node-3"}),
		removeCommand("node-4"),
		settingCommand(t, "heartbeat", "300ms"),
	} {
		epoch := c.State().Epoch()
		if r := c.must(command); r.Changed || r.Epoch != epoch {
			t.Errorf("%v: repeated, it answers %+v at epoch %d", command, r, epoch)
		}
	}
}

func TestNewestStartOfANodeSpeaksForIt(t *testing.T) {
	c := threeNodes(t)
	c.must(registerAt(2, 5, "10.9.9.9"))
	n, ok := c.State().Node("node-2")
	if !ok || n.StartCount != 5 || n.Addresses != addressesAt("10.9.9.9") {
		t.Errorf("node-2 is %+v", n)
	}
	c.refuse(apierr.KindInvalid, "start 4 is older than start 5", registerCommand(2, 4))
	c.refuse(apierr.KindInvalid, "start 5 has registered with other addresses", registerCommand(2, 5))
}

// A wiped node comes back under a new id at its old address. The old id may hold replicas, so it cannot be removed yet;
// it must not keep the new one out.
func TestAddressBelongsToTheNodeThatRegisteredItLast(t *testing.T) {
	c := threeShards(t)
	r := c.must(registerAt(4, 1, "10.0.0.2"))
	if !reflect.DeepEqual(r.Displaced, []string{"node-2"}) {
		t.Errorf("displaced %v, want node-2", r.Displaced)
	}
	if n, _ := c.State().Node("node-2"); n.Addresses != (Addresses{}) || n.Phase != NodeRegistered {
		t.Errorf("node-2 is %+v", n)
	}
	// The process that lost it may not take it back: two that advertise one address would take turns for ever.
	c.refuse(apierr.KindInvalid, "another process", registerCommand(2, 1))
	if r := c.must(registerAt(2, 2, "10.0.0.7")); len(r.Displaced) > 0 {
		t.Errorf("displaced %v by a new address", r.Displaced)
	}
	// Only what clashes is lost.
	same := addressesAt("10.0.0.8")
	same.HTTP = "10.0.0.7:6383"
	command := registerCommand(5, 1)
	command.GetRegisterNode().Addresses = same.Proto()
	c.must(command)
	want := addressesAt("10.0.0.7")
	want.HTTP = ""
	if n, _ := c.State().Node("node-2"); n.Addresses != want {
		t.Errorf("node-2 is at %v, want %v", n.Addresses, want)
	}
}

func TestRemovedNodeNeverReturns(t *testing.T) {
	c := threeShards(t)
	c.must(registerCommand(4, 1))
	c.must(removeCommand("node-4"))
	if n, ok := c.State().Node("node-4"); !ok || n.Phase != NodeRemoved || len(c.State().Nodes()) != 3 {
		t.Errorf("node-4 is %+v, nodes %v", n, c.State().Nodes())
	}
	c.refuse(apierr.KindInvalid, "node-4 was removed", registerCommand(4, 2))
	if r := c.must(registerAt(5, 1, "10.0.0.4")); len(r.Displaced) > 0 {
		t.Errorf("a removed node still has addresses to lose: %v", r.Displaced)
	}
}

func TestShardIDsAreNeverReused(t *testing.T) {
	c := threeShards(t)
	more := &storagev1.CreateShards{ExpectedEpoch: c.State().Epoch(), Shards: []*storagev1.NewShard{
		{Replicas: []string{"node-1"}, PreferredLeader: "node-1"},
	}}
	r := c.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: more}})
	if !reflect.DeepEqual(r.Shards, []slot.ShardID{4}) {
		t.Errorf("shards %v, want 4", r.Shards)
	}
	restored := New()
	if err := restored.Restore(c.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if restored.State().nextShard != 5 {
		t.Errorf("after a restore the next shard is %d, want 5", restored.State().nextShard)
	}
}

func TestErrorsOfResultsAreClientErrors(t *testing.T) {
	r := newCluster(t).apply(registerCommand(1, 1))
	var e *apierr.Error
	if !errors.As(r.Err, &e) || e.Result() != apierr.OutcomeNotApplied {
		t.Errorf("got %v", r.Err)
	}
}
