package sim

import (
	"bytes"
	"fmt"
	"strconv"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/placement"
)

// routeCommand is a committed command of the meta group, with what the first replica that applied it made of it.
type routeCommand struct {
	index  uint64
	data   []byte
	known  bool
	result string
	state  []byte
}

// propose lets a node ask for a change that makes sense to it: whoever takes itself for the meta leader plans from what it
// knows, and there may be several.
func (w *routeWorld) propose(n *routeNode) {
	state := n.machine.State()
	shards := state.Shards()
	switch {
	case !state.Initialized():
		if n == w.nodes[0] || w.r.IntN(20) == 0 {
			w.suggest(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
				ClusterId: "cluster-of-" + n.id, CreatedMs: 1, FirstNode: n.registration(), Settings: meta.DefaultSettings().Proto(),
			}}})
		}
	case w.r.IntN(3) == 0:
		w.register(n)
	case len(shards) == 0:
		w.createShards(state)
	case w.r.IntN(2) == 0:
		s := shards[w.r.IntN(len(shards))]
		w.suggest(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetPreferredLeader{SetPreferredLeader: &storagev1.SetPreferredLeader{
			Shard: uint64(s.ID), Expected: s.PreferredLeader, Preferred: s.Replicas[w.r.IntN(len(s.Replicas))],
		}}})
	default:
		change, err := meta.ParseChange("maxmemory-samples", strconv.Itoa(1+w.r.IntN(20)))
		if err != nil {
			w.fail("%v", err)
			return
		}
		w.suggest(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: change}})
	}
}

// createShards plans shards as soon as there are three nodes, so that some plans come too late.
func (w *routeWorld) createShards(state *meta.State) {
	var nodes []placement.Node
	for _, n := range state.Nodes() {
		nodes = append(nodes, placement.Node{ID: n.ID, Alive: true})
	}
	if len(nodes) < 3 {
		return
	}
	create := &storagev1.CreateShards{ExpectedEpoch: state.Epoch()}
	for _, p := range placement.PlanShards(nodes, routeShards, 3) {
		create.Shards = append(create.Shards, &storagev1.NewShard{
			Ranges: meta.RangesProto([]slot.Range{p.Range}), Replicas: p.Replicas, PreferredLeader: p.PreferredLeader,
		})
	}
	w.suggest(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: create}})
}

func (w *routeWorld) register(n *routeNode) {
	w.suggest(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: n.registration()}})
}

func (n *routeNode) registration() *storagev1.RegisterNode {
	a := &storagev1.NodeAddresses{}
	for part, to := range map[string]*string{"": &a.Resp, "0": &a.Grpc, "1": &a.Cluster, "2": &a.Gossip, "3": &a.Http} {
		*to = n.addr + part
	}
	return &storagev1.RegisterNode{Id: n.id, StartCount: n.starts, Addresses: a}
}

func (w *routeWorld) suggest(c *storagev1.MetaCommand) {
	w.proposals = append(w.proposals, meta.Encode(c))
}

// commit puts one of the proposals into the log, any of them; it may be lost, or come twice.
func (w *routeWorld) commit() {
	if len(w.proposals) == 0 {
		return
	}
	i := w.r.IntN(len(w.proposals))
	data := w.proposals[i]
	if w.r.IntN(10) > 0 {
		w.proposals = append(w.proposals[:i], w.proposals[i+1:]...)
	}
	if w.r.IntN(10) == 0 {
		return
	}
	index := uint64(1 + w.r.IntN(3)) // other entries lie between
	if n := len(w.metaLog); n > 0 {
		index += w.metaLog[n-1].index
	}
	w.metaLog = append(w.metaLog, routeCommand{index: index, data: data})
	w.stat.commands++
}

// applyMeta lets a node's machine apply some commands. Every machine has to make the same of each.
func (n *routeNode) applyMeta(limit int) {
	for ; n.applied < len(n.w.metaLog) && limit > 0; limit-- {
		c := &n.w.metaLog[n.applied]
		before := n.machine.State()
		r := n.machine.Apply(c.index, c.data)
		n.applied++
		result, state := fmt.Sprintf("%+v", r), n.machine.State().Snapshot()
		if !c.known {
			c.known, c.result, c.state = true, result, state
			n.w.judgeCommand(before, n.machine.State(), r)
		}
		if c.result != result || !bytes.Equal(c.state, state) {
			n.w.fail("%s makes of meta entry %d %s, others %s", n.id, c.index, result, c.result)
		}
	}
	if n.w.r.IntN(3) == 0 {
		n.snapshot, n.snapshotAt = n.machine.State().Snapshot(), n.applied
	}
}

// judgeCommand looks at what a command has changed: the epoch counts changes, and shards, once created, stay what they are.
func (w *routeWorld) judgeCommand(before, after *meta.State, r meta.Result) {
	if r.Err != nil {
		w.stat.refused++
		if len(before.Shards()) > 0 && r.Shards == nil {
			w.stat.lateCreations++
		}
	}
	if rise := after.Epoch() - before.Epoch(); rise > 1 || (rise == 1) != r.Changed {
		w.fail("epoch %d follows epoch %d, changed: %v", after.Epoch(), before.Epoch(), r.Changed)
	}
	if n := len(after.Shards()); n != 0 && (n != routeShards || !after.SlotMap().Complete()) {
		w.fail("%d shards, slot map complete: %v", n, after.SlotMap().Complete())
	}
	for _, s := range before.Shards() {
		if now, ok := after.Shard(s.ID); !ok || fmt.Sprint(now.Ranges, now.InitialReplicas) != fmt.Sprint(s.Ranges, s.InitialReplicas) {
			w.fail("shard %d became %+v, was %+v", s.ID, now, s)
		}
	}
}

// restore begins again from the last snapshot.
func (n *routeNode) restore() {
	n.machine, n.applied = meta.New(), n.snapshotAt
	if n.snapshot == nil {
		return
	}
	n.w.stat.restores++
	if err := n.machine.Restore(n.snapshot); err != nil {
		n.w.fail("%s: %v", n.id, err)
	}
}

// watch takes the state of another node where that is newer, as nodes do that hold no replica of the meta group.
func (n *routeNode) watch(other *routeNode) {
	if other.machine.State().Applied() <= n.machine.State().Applied() {
		return
	}
	n.w.stat.watched++
	n.snapshot, n.snapshotAt = other.machine.State().Snapshot(), other.applied
	n.restore()
}

func (w *routeWorld) checkMeta() {
	first := w.nodes[0].machine.State().Snapshot()
	for _, n := range w.nodes {
		if !bytes.Equal(n.machine.State().Snapshot(), first) {
			w.fail("the meta state of %s differs from that of %s", n.id, w.nodes[0].id)
		}
	}
}
