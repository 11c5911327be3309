package dashboard

import (
	"net/http"
	"strings"

	"github.com/holtcache/holt/gateway/router"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
)

// clusterFacts is the answer to GET /api/v1/cluster.
type clusterFacts struct {
	TimeMs    int64  `json:"time_ms"`
	ClusterID string `json:"cluster_id"`
	Self      string `json:"self"`
	Epoch     uint64 `json:"epoch"`
	// SlotsServed are those whose shard has a leader.
	SlotsServed int          `json:"slots_served"`
	You         visitorFacts `json:"you"`
	Nodes       []nodeFacts  `json:"nodes"`
	Shards      []shardFacts `json:"shards"`
	// Migrations are those that have not ended, and the last that have.
	Migrations []migrationFacts `json:"migrations"`
	Rebalance  *rebalanceFacts  `json:"rebalance,omitempty"`
}

type visitorFacts struct {
	User      string `json:"user"`
	Said      bool   `json:"said"`
	Transfer  bool   `json:"transfer"`
	Rebalance bool   `json:"rebalance"`
	Cancel    bool   `json:"cancel"`
}

type nodeFacts struct {
	ID    string `json:"id"`
	State string `json:"state"`
	RESP  string `json:"resp"`
	HTTP  string `json:"http"`
	Zone  string `json:"zone,omitempty"`
	// Error is why nothing of what follows is known.
	Error    string         `json:"error,omitempty"`
	NotReady string         `json:"not_ready,omitempty"`
	Version  string         `json:"version,omitempty"`
	UpMs     uint64         `json:"up_ms"`
	Memory   memoryFacts    `json:"memory"`
	Policy   string         `json:"eviction_policy,omitempty"`
	Clients  uint64         `json:"connections"`
	Hits     uint64         `json:"hits"`
	Misses   uint64         `json:"misses"`
	Expired  uint64         `json:"expired"`
	Evicted  uint64         `json:"evicted"`
	Commands []commandFacts `json:"commands"`
}

type memoryFacts struct {
	UsedBytes     uint64 `json:"used_bytes"`
	LimitBytes    uint64 `json:"limit_bytes"`
	ResidentBytes uint64 `json:"resident_bytes"`
}

type commandFacts struct {
	Name     string `json:"name"`
	Failed   uint64 `json:"failed"`
	Rejected uint64 `json:"rejected"`
	TotalUs  uint64 `json:"total_us"`
	// Steps are pairs: a bound in nanoseconds, and how many took less than that and not less than the bound below it.
	Steps [][2]uint64 `json:"steps"`
}

type shardFacts struct {
	ID        slot.ShardID   `json:"id"`
	Ranges    [][2]slot.ID   `json:"ranges"`
	Leader    string         `json:"leader"`
	Preferred string         `json:"preferred"`
	Term      uint64         `json:"term"`
	Serving   bool           `json:"serving"`
	Keys      uint64         `json:"keys"`
	Bytes     uint64         `json:"bytes"`
	Replicas  []replicaFacts `json:"replicas"`
}

type replicaFacts struct {
	Node string `json:"node"`
	// Behind is how many entries of the leader's log it has not applied; unset where that is not known.
	Behind *uint64 `json:"behind,omitempty"`
}

type migrationFacts struct {
	ID          uint64      `json:"id"`
	From        uint64      `json:"from"`
	To          uint64      `json:"to"`
	Ranges      [][2]uint32 `json:"ranges"`
	Slots       uint32      `json:"slots"`
	Phase       string      `json:"phase"`
	Reason      string      `json:"reason,omitempty"`
	Ended       bool        `json:"ended"`
	StartedMs   int64       `json:"started_ms"`
	EndedMs     int64       `json:"ended_ms,omitempty"`
	Stage       string      `json:"stage,omitempty"`
	SlotsCopied uint32      `json:"slots_copied"`
	KeysTotal   uint64      `json:"keys_total"`
	KeysCopied  uint64      `json:"keys_copied"`
	Error       string      `json:"error,omitempty"`
}

type rebalanceFacts struct {
	SlotsLeft uint32 `json:"slots_left"`
	Waiting   string `json:"waiting,omitempty"`
}

// cluster is how the cluster is doing.
func (a *api) cluster(r *http.Request, v guest) (any, error) {
	if err := mayNot(v, rightToLook); err != nil {
		return nil, err
	}
	s := a.latest(r)
	f := clusterFacts{
		TimeMs: s.at.UnixMilli(), ClusterID: s.view.ClusterID, Self: s.view.Self, Epoch: s.view.Map.Epoch(),
		You:   visitorFacts{v.Name(), v.said, v.said && v.May(rightToTransfer), v.said && v.May(rightToRebalance), v.said && v.May(rightToCancel)},
		Nodes: []nodeFacts{}, Shards: []shardFacts{}, Migrations: []migrationFacts{},
	}
	for _, n := range s.view.Nodes {
		f.Nodes = append(f.Nodes, s.node(n))
	}
	for _, shard := range s.view.Shards {
		facts := s.shard(shard)
		if shard.Leader != "" {
			for _, r := range shard.Ranges {
				f.SlotsServed += r.Len()
			}
		}
		f.Shards = append(f.Shards, facts)
	}
	for _, m := range s.migrations.GetMigrations() {
		f.Migrations = append(f.Migrations, migrationOf(m))
	}
	if b := s.migrations.GetRebalance(); b != nil {
		f.Rebalance = &rebalanceFacts{b.SlotsLeft, b.Waiting}
	}
	return f, nil
}

var stateNames = map[router.NodeState]string{router.NodeAlive: "alive", router.NodeSuspect: "suspect", router.NodeDead: "dead"}

func (s *snapshot) node(n router.Node) nodeFacts {
	f := nodeFacts{ID: n.ID, State: stateNames[n.State], RESP: n.RESP, HTTP: n.HTTP, Zone: n.Zone, Error: s.errors[n.ID], Commands: []commandFacts{}}
	r := s.reports[n.ID]
	if r == nil {
		return f
	}
	f.NotReady, f.Version, f.UpMs, f.Policy, f.Clients = r.NotReady, r.Version, r.UpMs, r.EvictionPolicy, r.Connections
	f.Memory = memoryFacts{r.MemoryUsedBytes, r.MemoryLimitBytes, r.MemoryResidentBytes}
	f.Hits, f.Misses, f.Expired, f.Evicted = r.Hits, r.Misses, r.Expired, r.Evicted
	for _, c := range r.Commands {
		command := commandFacts{Name: c.Name, Failed: c.Failed, Rejected: c.Rejected, TotalUs: c.TotalUs, Steps: [][2]uint64{}}
		for _, step := range c.Steps {
			command.Steps = append(command.Steps, [2]uint64{step.BoundNs, step.Count})
		}
		f.Commands = append(f.Commands, command)
	}
	return f
}

// replica is what a node has told of its replica of a shard.
func (s *snapshot) replica(node string, shard slot.ShardID) *nodev1.ReplicaReport {
	for _, r := range s.reports[node].GetReplicas() {
		if r.ShardId == uint64(shard) {
			return r
		}
	}
	return nil
}

func (s *snapshot) shard(shard router.Shard) shardFacts {
	f := shardFacts{ID: shard.ID, Ranges: [][2]slot.ID{}, Leader: shard.Leader, Preferred: shard.Preferred, Term: shard.Term, Replicas: []replicaFacts{}}
	for _, r := range shard.Ranges {
		f.Ranges = append(f.Ranges, [2]slot.ID{r.First, r.Last})
	}
	leader := s.replica(shard.Leader, shard.ID)
	f.Serving, f.Keys, f.Bytes = leader.GetServing(), leader.GetKeys(), leader.GetBytes()
	for _, node := range shard.Replicas {
		replica := replicaFacts{Node: node}
		if r := s.replica(node, shard.ID); r != nil && leader != nil {
			behind := max(leader.LastIndex, r.AppliedIndex) - r.AppliedIndex
			replica.Behind = &behind
		}
		f.Replicas = append(f.Replicas, replica)
	}
	return f
}

func migrationOf(m *clusterv1.Migration) migrationFacts {
	p := m.GetProgress()
	f := migrationFacts{
		ID: m.Id, From: m.FromShardId, To: m.ToShardId, Ranges: [][2]uint32{}, Reason: m.Reason, Ended: m.Ended, StartedMs: m.StartedMs, EndedMs: m.EndedMs,
		Phase:       strings.ToLower(strings.TrimPrefix(m.Phase.String(), "MIGRATION_PHASE_")),
		SlotsCopied: p.GetSlotsCopied(), KeysTotal: p.GetKeysTotal(), KeysCopied: p.GetKeysCopied(), Error: p.GetError(),
	}
	if p != nil {
		f.Stage = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(p.Stage.String(), "MIGRATION_STAGE_")), "_", " ")
	}
	for _, r := range m.Slots {
		f.Ranges = append(f.Ranges, [2]uint32{r.First, r.Last})
		f.Slots += r.Last - r.First + 1
	}
	return f
}
