package scale

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/gateway/router"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/placement"
)

// realm is the state of a large cluster, as every node of it has it.
type realm struct {
	t       testing.TB
	machine *meta.Machine
	index   uint64
	// commandBytes is what the commands took in the log.
	commandBytes int
}

func (r *realm) apply(c *storagev1.MetaCommand) meta.Result {
	r.t.Helper()
	r.index++
	data := meta.Encode(c)
	r.commandBytes += len(data)
	result := r.machine.Apply(r.index, data)
	if result.Err != nil {
		r.t.Fatalf("command %d: %v", r.index, result.Err)
	}
	return result
}

func register(i int) *storagev1.RegisterNode {
	host := fmt.Sprintf("10.0.%d.%d", i/256, i%256)
	addresses := meta.Addresses{RESP: host + ":6379", GRPC: host + ":6380", Cluster: host + ":6381", Gossip: host + ":6382", HTTP: host + ":6383"}
	return &storagev1.RegisterNode{Id: nodeID(i), StartCount: 1, Addresses: addresses.Proto(), Zone: "zone-" + strconv.Itoa(i%3), Version: "v1.0.0"}
}

// found makes a cluster of many nodes and shards of three replicas.
func found(t testing.TB, nodes, shards int) *realm {
	r := &realm{t: t, machine: meta.New()}
	settings := meta.DefaultSettings()
	settings.ExpectNodes = nodes
	r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
		ClusterId: "0123456789abcdef0123456789abcdef01234567", CreatedMs: 1, FirstNode: register(0), Settings: settings.Proto(),
	}}})
	var candidates []placement.Node
	for i := range nodes {
		candidates = append(candidates, placement.Node{ID: nodeID(i), Zone: "zone-" + strconv.Itoa(i%3), Alive: true})
		if i > 0 {
			r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: register(i)}})
		}
	}
	create := &storagev1.CreateShards{ExpectedEpoch: r.machine.State().Epoch()}
	for _, p := range placement.PlanShards(candidates, shards, 3) {
		create.Shards = append(create.Shards, &storagev1.NewShard{
			Ranges: meta.RangesProto([]slot.Range{p.Range}), Replicas: p.Replicas, PreferredLeader: p.PreferredLeader,
		})
	}
	r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: create}})
	for id := range uint64(shards) {
		r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: id + 1, Incarnation: 2}}})
	}
	return r
}

// view is what a node answers its clients from.
func (r *realm) view() *router.View {
	state := r.machine.State()
	v := &router.View{ClusterID: state.ClusterID(), Self: nodeID(0), Map: state.SlotMap()}
	for _, n := range state.Nodes() {
		v.Nodes = append(v.Nodes, router.Node{ID: n.ID, RESP: n.Addresses.RESP, GRPC: n.Addresses.GRPC, Gossip: n.Addresses.Gossip, Cluster: n.Addresses.Cluster, Zone: n.Zone})
	}
	for _, s := range state.Shards() {
		v.Shards = append(v.Shards, router.Shard{ID: s.ID, Ranges: s.Ranges, Replicas: s.Replicas, Leader: s.PreferredLeader, Term: 2})
	}
	return v
}

// still is a cluster that does not change, seen from a node without replicas.
type still struct{ view *router.View }

func (s still) View() *router.View                          { return s.view }
func (s still) Changed() <-chan struct{}                    { return nil }
func (s still) Replica(slot.ShardID) (router.Replica, bool) { return nil, false }

// per is how long one of n runs of f takes.
func per(n int, f func()) time.Duration {
	began := time.Now()
	for range n {
		f()
	}
	return (time.Since(began) / time.Duration(n)).Round(time.Nanosecond)
}

// What the state of a large cluster costs those who keep it, hear of its changes and ask for the slot map.
func TestStateOfManyNodes(t *testing.T) {
	r := found(t, nodesMany, shardsMany)
	state := r.machine.State()
	held := map[string]int{}
	for _, s := range state.Shards() {
		for _, node := range s.Replicas {
			held[node]++
		}
	}
	least, most := shardsMany, 0
	for _, n := range state.Nodes() {
		least, most = min(least, held[n.ID]), max(most, held[n.ID])
	}
	if len(held) != nodesMany || most-least > 1 {
		t.Errorf("%d of %d nodes hold between %d and %d replicas; want all, and as many as each other", len(held), nodesMany, least, most)
	}
	t.Logf("%d nodes, %d shards of 3 replicas: %d or %d replicas a node", nodesMany, shardsMany, least, most)
	t.Logf("state: %.1f KB; the %d commands that made it: %.1f KB", float64(len(r.machine.Snapshot()))/1000, r.index, float64(r.commandBytes)/1000)

	before, bytes := r.index, r.commandBytes
	shard := state.Shards()[0]
	flip := [2]string{shard.Replicas[0], shard.Replicas[1]}
	preferred := shard.PreferredLeader
	took := per(200, func() {
		next := flip[0]
		if preferred == next {
			next = flip[1]
		}
		r.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetPreferredLeader{SetPreferredLeader: &storagev1.SetPreferredLeader{Shard: 1, Expected: preferred, Preferred: next}}})
		preferred = next
	})
	t.Logf("one change of the state: %d bytes to each node, applied in %v", (r.commandBytes-bytes)/int(r.index-before), took)
	t.Logf("the slot map, built anew at each epoch: %v; a look-up: %v", per(100, func() { _, _ = slot.NewMap(1, state.SlotMap().Assignments()) }),
		per(1e6, func() { state.SlotMap().Owner(12345) }))
	t.Logf("a snapshot of the state written and read: %v", per(20, func() {
		if err := meta.New().Restore(r.machine.Snapshot()); err != nil {
			t.Fatal(err)
		}
	}))
	ask(t, r.view())
}

// ask asks a server for the forms of the slot map that Redis has.
func ask(t *testing.T, view *router.View) {
	server := respserver.New(respserver.Config{
		Router: router.New(still{view}), Table: command.NewTable(command.Limits{ValueBytesMax: 1 << 20}), Logger: slog.New(slog.DiscardHandler),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with Close
	}()
	defer func() {
		_ = server.Close()
		<-served
	}()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	counted := &counter{r: client}
	replies := resp.NewReplyReader(counted)
	for _, form := range []string{"SLOTS", "SHARDS", "NODES"} {
		counted.n = 0
		const times = 50
		took := per(times, func() {
			if _, err := fmt.Fprintf(client, "CLUSTER %s\r\n", form); err != nil {
				t.Fatal(err)
			}
			if reply, err := replies.Read(); err != nil || reply.Kind == resp.KindError {
				t.Fatalf("CLUSTER %s: %v, %v", form, reply, err)
			}
		})
		t.Logf("CLUSTER %s: %.1f KB, answered and read in %v", form, float64(counted.n)/times/1000, took)
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}
