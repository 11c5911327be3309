package node

import (
	"strings"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/placement"
)

// A record is ended by hand for nobody who could do it: a shard that is only away would never hear how the migration ended.
func TestOnlyALostShardIsSpokenForAtTheEndOfAMigration(t *testing.T) {
	m := meta.New()
	apply := func(c *storagev1.MetaCommand) {
		t.Helper()
		if r := m.Apply(m.State().Applied()+1, meta.Encode(c)); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	register := func(id string) *storagev1.RegisterNode {
		return &storagev1.RegisterNode{Id: id, StartCount: 1, Addresses: &storagev1.NodeAddresses{Cluster: id + ":1"}}
	}
	settings := meta.DefaultSettings()
	settings.ExpectNodes = 2
	apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
		ClusterId: "c1", CreatedMs: 1, FirstNode: register("a"), Settings: settings.Proto(),
	}}})
	apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: register("b")}})
	apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{
		ExpectedEpoch: m.State().Epoch(), Shards: []*storagev1.NewShard{
			{Ranges: meta.RangesProto([]slot.Range{{First: 0, Last: slot.Count - 1}}), Replicas: []string{"a"}, PreferredLeader: "a"},
			{Replicas: []string{"b"}, PreferredLeader: "b"},
		},
	}}})
	for id := range uint64(2) {
		apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: id + 1, Incarnation: 3}}})
	}
	apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: &storagev1.StartMigrations{
		ExpectedEpoch: m.State().Epoch(), StartedMs: 1,
		Migrations: []*storagev1.NewMigration{{From: 1, To: 2, Ranges: meta.RangesProto([]slot.Range{{First: 5, Last: 6}})}},
	}}})
	alive := func(ids string) []placement.Node {
		return []placement.Node{{ID: "a", Alive: strings.Contains(ids, "a")}, {ID: "b", Alive: strings.Contains(ids, "b")}}
	}
	check := func(alive []placement.Node, id uint64, lost slot.ShardID, want string) {
		t.Helper()
		if _, err := lostSide(m.State(), alive, id, lost); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "nothing was changed") {
			t.Errorf("migration %d, shard %d: got %v, want %q", id, lost, err, want)
		}
	}
	check(alive("a"), 2, 2, "no migration 2")
	check(alive("a"), 1, 3, "goes from shard 1 to 2")
	check(alive("a"), 1, 2, "is not decided")
	apply(meta.AbortMigration(1, "its target is lost"))
	check(alive("ab"), 1, 2, "node b is alive and holds a replica")
	for _, c := range []struct {
		alive string
		lost  slot.ShardID
		want  storagev1.MigrationSide
	}{
		{"a", 2, storagev1.MigrationSide_MIGRATION_SIDE_TARGET}, {"b", 1, storagev1.MigrationSide_MIGRATION_SIDE_SOURCE},
	} {
		if got, err := lostSide(m.State(), alive(c.alive), 1, c.lost); err != nil || got != c.want {
			t.Errorf("shard %d: got %v, %v, want %v", c.lost, got, err, c.want)
		}
	}
}
