package meta

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

func TestNothingButInitWorksWithoutACluster(t *testing.T) {
	c := newCluster(t)
	for _, command := range []*storagev1.MetaCommand{
		registerCommand(1, 1), removeCommand("node-1"), votersCommand(nil, []string{"node-1"}), createCommand(0, 1),
		formedCommand(1, 1), preferCommand(1, "", "node-1"), replicasCommand(1, nil, nil), settingCommand(t, "lease", "1ms"),
		startCommand(0, move{1, 2, "0"}), commitCommand(1), AbortMigration(1, ""), endCommand(1, sourceSide), drainCommand("node-1", true), dissolveCommand(1),
	} {
		c.refuse(apierr.KindNotFound, "run holt cluster init", command)
	}
}

func TestClusterBeginsOnce(t *testing.T) {
	c := newCluster(t)
	change := func(f func(*storagev1.InitCluster)) *storagev1.MetaCommand {
		command := initCommand("c1", 3)
		f(command.GetInitCluster())
		return command
	}
	c.refuse(apierr.KindInvalid, "cluster id", change(func(i *storagev1.InitCluster) { i.ClusterId = "" }))
	c.refuse(apierr.KindInvalid, "no first node", change(func(i *storagev1.InitCluster) { i.FirstNode = nil }))
	c.refuse(apierr.KindInvalid, "expect-nodes=0", change(func(i *storagev1.InitCluster) { i.Settings = nil }))
	c.refuse(apierr.KindInvalid, "start count 0", change(func(i *storagev1.InitCluster) { i.FirstNode.StartCount = 0 }))
	c.refuse(apierr.KindInvalid, "replicas=5: that takes 5 nodes and expect-nodes is 3", change(func(i *storagev1.InitCluster) { i.Settings.Replicas = 5 }))
	c.must(initCommand("c1", 3))
	c.refuse(apierr.KindExists, "belongs to cluster c1 already", initCommand("c2", 3))
}

func TestNodesThatCannotBeReachedOrNamedAreRefused(t *testing.T) {
	c := threeNodes(t)
	for want, change := range map[string]func(*storagev1.RegisterNode){
		"node id":            func(n *storagev1.RegisterNode) { n.Id = "two words" },
		"1 to 64":            func(n *storagev1.RegisterNode) { n.Id = strings.Repeat("x", 65) },
		"start count 0":      func(n *storagev1.RegisterNode) { n.StartCount = 0 },
		"no cluster address": func(n *storagev1.RegisterNode) { n.Addresses = nil },
		`"host" is no add`:   func(n *storagev1.RegisterNode) { n.Addresses.Resp = "host" },
		`":7" is no`:         func(n *storagev1.RegisterNode) { n.Addresses.Grpc = ":7" },
		`"h:0" is no`:        func(n *storagev1.RegisterNode) { n.Addresses.Cluster = "h:0" },
		`"h:65536" is no`:    func(n *storagev1.RegisterNode) { n.Addresses.Gossip = "h:65536" },
		`"::1:80" is no`:     func(n *storagev1.RegisterNode) { n.Addresses.Http = "::1:80" },
		`"a\r\nb:1" is no`:   func(n *storagev1.RegisterNode) { n.Addresses.Http = "a\r\nb:1" },
		"aaaa:1\" is no":     func(n *storagev1.RegisterNode) { n.Addresses.Http = strings.Repeat("a", 258) + ":1" },
		"zone and version":   func(n *storagev1.RegisterNode) { n.Zone = strings.Repeat("z", 129) },
		"got \"a\\x00\"":     func(n *storagev1.RegisterNode) { n.Version = "a\x00" },
	} {
		command := registerCommand(4, 1)
		change(command.GetRegisterNode())
		c.refuse(apierr.KindInvalid, want, command)
	}
	ipv6 := registerCommand(4, 1)
	ipv6.GetRegisterNode().Addresses.Resp = "[::1]:65535"
	c.must(ipv6)
}

func TestLimitsHoldAtTheLimitNotBelow(t *testing.T) {
	c := threeNodes(t)
	for n := 4; n <= NodesMax; n++ {
		c.must(registerAt(n, 1, fmt.Sprintf("h%d", n)))
	}
	c.refuse(apierr.KindTooLarge, "1000 nodes already", registerAt(NodesMax+1, 1, "one-more"))
	c.must(registerAt(5, 2, "known-nodes-may-still-register"))

	c.refuse(apierr.KindTooLarge, "limit of 1024", createCommand(c.State().Epoch(), ShardsMax+1))
	c.must(createCommand(c.State().Epoch(), ShardsMax))

	// The ids sort behind those of the others.
	full := c.State().values
	full.nodes = slices.Clone(full.nodes)
	for n := range RemovedMax {
		full.nodes = append(full.nodes, Node{ID: fmt.Sprintf("old-%05d", n), Phase: NodeRemoved})
	}
	c.state.Store(newState(full))
	c.refuse(apierr.KindTooLarge, "10000 removed nodes", removeCommand("node-900"))
}

func TestNodeThatIsNeededIsNotRemoved(t *testing.T) {
	c := threeShards(t)
	c.refuse(apierr.KindNotFound, "node-9 is not known", removeCommand("node-9"))
	c.refuse(apierr.KindInvalid, "votes in the meta group", removeCommand("node-1"))
	c.refuse(apierr.KindInvalid, "holds a replica of shard 1", removeCommand("node-2"))
}

func TestPlansOfAnotherEpochAreRefused(t *testing.T) {
	c := threeNodes(t)
	late := createCommand(c.State().Epoch(), 3)
	c.must(createCommand(c.State().Epoch(), 1))
	c.refuse(apierr.KindInvalid, "planned at epoch 3, the cluster is at 4", late)
}

func TestShardsThatWouldNotServeEverySlotOnceAreRefused(t *testing.T) {
	c := threeNodes(t)
	for want, change := range map[string]func(*storagev1.CreateShards){
		"none given":                     func(s *storagev1.CreateShards) { s.Shards = nil },
		"not every slot":                 func(s *storagev1.CreateShards) { s.Shards = s.Shards[1:] },
		"belongs to shards 1 and 2":      func(s *storagev1.CreateShards) { s.Shards[1].Ranges[0].First = 0 },
		"slots 5-4":                      func(s *storagev1.CreateShards) { s.Shards[0].Ranges[0] = &storagev1.SlotRange{First: 5, Last: 4} },
		"slots 0-16384":                  func(s *storagev1.CreateShards) { s.Shards[0].Ranges[0].Last = slot.Count },
		"no replicas":                    func(s *storagev1.CreateShards) { s.Shards[2].Replicas = nil },
		"a shard of 2 tolerates":         func(s *storagev1.CreateShards) { s.Shards[2].Replicas = s.Shards[2].Replicas[:2] },
		"node-3 is to hold two replicas": func(s *storagev1.CreateShards) { s.Shards[2].Replicas[1] = "node-3" },
		"preferred leader node-9":        func(s *storagev1.CreateShards) { s.Shards[2].PreferredLeader = "node-9" },
	} {
		command := createCommand(c.State().Epoch(), 3)
		change(command.GetCreateShards())
		c.refuse(apierr.KindInvalid, want, command)
	}
	stranger := createCommand(c.State().Epoch(), 3)
	stranger.GetCreateShards().Shards[1].Replicas[0] = "node-9"
	c.refuse(apierr.KindNotFound, "node-9 is not registered", stranger)
	if r := c.must(createCommand(c.State().Epoch(), 3)); r.Shards[0] != 1 {
		t.Errorf("refused plans used up ids: the first shard is %d", r.Shards[0])
	}
}

func TestReplicasOfAShardAreFixedUntilItHasFormed(t *testing.T) {
	c := threeShards(t)
	c.must(registerCommand(4, 1))
	all := []string{"node-1", "node-2", "node-3"}
	c.refuse(apierr.KindInvalid, "shard 2 is creating", replicasCommand(2, all, append(all, "node-4")))
	c.must(formedCommand(2, 5))
	c.must(replicasCommand(2, all, append(all, "node-4")))
	if s, _ := c.State().Shard(2); len(s.Replicas) != 4 || len(s.InitialReplicas) != 3 {
		t.Errorf("shard 2 has replicas %v, initially %v", s.Replicas, s.InitialReplicas)
	}
}

func TestShardChangesThatDoNotFitAreRefused(t *testing.T) {
	c := threeShards(t)
	all := []string{"node-1", "node-2", "node-3"}
	c.refuse(apierr.KindNotFound, "shard 9 does not exist", formedCommand(9, 1))
	c.refuse(apierr.KindInvalid, "incarnation 0", formedCommand(2, 0))
	c.refuse(apierr.KindNotFound, "shard 9 does not exist", preferCommand(9, "", "node-1"))
	c.refuse(apierr.KindInvalid, "node-1 is preferred to lead, not node-3", preferCommand(1, "node-3", "node-2"))
	c.refuse(apierr.KindInvalid, "node-9 holds no replica", preferCommand(1, "node-1", "node-9"))
	c.refuse(apierr.KindNotFound, "shard 9 does not exist", replicasCommand(9, nil, nil))
	c.refuse(apierr.KindInvalid, "not [node-1] as expected", replicasCommand(1, []string{"node-1"}, []string{"node-1", "node-2"}))
	c.refuse(apierr.KindNotFound, "node-9 is not registered", replicasCommand(1, all, []string{"node-1", "node-2", "node-9"}))
	c.refuse(apierr.KindInvalid, "two replicas", replicasCommand(1, all, []string{"node-1", "node-1", "node-2"}))
	c.refuse(apierr.KindInvalid, "change one at a time", replicasCommand(1, all, []string{"node-1"}))
	c.refuse(apierr.KindInvalid, "prefer another first", replicasCommand(1, all, []string{"node-2", "node-3"}))
}

func TestMetaVotersAreComparedAndRegistered(t *testing.T) {
	c := threeNodes(t)
	c.refuse(apierr.KindInvalid, "not [node-2] as expected", votersCommand([]string{"node-2"}, []string{"node-1", "node-2"}))
	c.refuse(apierr.KindInvalid, "no voters", votersCommand([]string{"node-1"}, nil))
	c.refuse(apierr.KindInvalid, "twice", votersCommand([]string{"node-1"}, []string{"node-1", "node-1"}))
	c.refuse(apierr.KindNotFound, "voter node-9", votersCommand([]string{"node-1"}, []string{"node-1", "node-9"}))
}

func TestSettingsThatBreakARuleAreRefused(t *testing.T) {
	c := threeNodes(t)
	c.refuse(apierr.KindInvalid, "none given", &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: &storagev1.ChangeSetting{}}})
	c.refuse(apierr.KindInvalid, "lease-max is fixed at 200ms", settingCommand(t, "lease-max", "300ms"))
	c.refuse(apierr.KindInvalid, "lease-max is fixed at 200ms", settingCommand(t, "lease-max", "200ms"))
	c.refuse(apierr.KindInvalid, "at most 0.9 of lease-max", settingCommand(t, "lease", "181ms"))
	c.refuse(apierr.KindInvalid, "heartbeat=49ms", settingCommand(t, "heartbeat", "49ms"))
	c.refuse(apierr.KindInvalid, "heartbeat=1m0.001s", settingCommand(t, "heartbeat", "10000h"))
	c.refuse(apierr.KindInvalid, "--replicas=2: a shard of 2 tolerates no failure; use 1, 3 or 5", settingCommand(t, "replicas", "2"))
	c.refuse(apierr.KindInvalid, "--replicas=7", settingCommand(t, "replicas", "7"))
	c.refuse(apierr.KindInvalid, "takes 5 nodes", settingCommand(t, "replicas", "5"))
	c.refuse(apierr.KindInvalid, "shards=1025", settingCommand(t, "shards", "1025"))
	c.refuse(apierr.KindInvalid, "expect-nodes=0", settingCommand(t, "expect-nodes", "0"))
	c.refuse(apierr.KindInvalid, "expect-nodes=1001", settingCommand(t, "expect-nodes", "1001"))
	for _, unknown := range []int32{-1, 0, 9, 257} {
		c.refuse(apierr.KindInvalid, "appendfsync", changeCommand(&storagev1.ChangeSetting_Appendfsync{Appendfsync: storagev1.FsyncPolicy(unknown)}))
		c.refuse(apierr.KindInvalid, "default-ack", changeCommand(&storagev1.ChangeSetting_DefaultAck{DefaultAck: storagev1.AckMode(unknown)}))
		c.refuse(apierr.KindInvalid, "default-read", changeCommand(&storagev1.ChangeSetting_DefaultRead{DefaultRead: storagev1.ReadMode(unknown)}))
		c.refuse(apierr.KindInvalid, "maxmemory-policy", changeCommand(&storagev1.ChangeSetting_MaxmemoryPolicy{MaxmemoryPolicy: storagev1.EvictionPolicy(unknown)}))
	}
	c.refuse(apierr.KindInvalid, "maxmemory-samples=65", changeCommand(&storagev1.ChangeSetting_MaxmemorySamples{MaxmemorySamples: 65}))
	c.must(createCommand(c.State().Epoch(), 3))
	c.refuse(apierr.KindInvalid, "shards have been created", settingCommand(t, "shards", "3"))
	c.refuse(apierr.KindInvalid, "shards have been created", settingCommand(t, "expect-nodes", "4"))
	c.must(settingCommand(t, "replicas", "5"))
}
