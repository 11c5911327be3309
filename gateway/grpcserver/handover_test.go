package grpcserver

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

// handing is a replica that hands all its slots over to another shard, or waits for them.
type handing struct {
	*memReplica
	to      slot.ShardID // 0: it waits
	arrived chan struct{}
	asked   atomic.Int64
}

func (h *handing) refusal() *apierr.Error {
	h.asked.Add(1)
	if h.to != 0 {
		return apierr.AskShard(7, h.to)
	}
	select {
	case <-h.arrived:
		return nil
	default:
		return apierr.New(apierr.KindImporting, "not served here yet; not applied, retry")
	}
}

func (h *handing) AwaitOwned(ctx context.Context, s slot.ID) error {
	if h.to == 0 {
		select {
		case <-h.arrived:
		case <-ctx.Done():
		}
	}
	if err := h.refusal(); err != nil {
		return err
	}
	return h.memReplica.AwaitOwned(ctx, s)
}

func (h *handing) Read(ctx context.Context, s slot.ID, mode router.ReadMode, fn func(ops.Reader)) error {
	if err := h.refusal(); err != nil {
		return err
	}
	return h.memReplica.Read(ctx, s, mode, fn)
}

func (h *handing) NewFlight() router.Flight { return handingFlight{h.memReplica.NewFlight(), h} }

type handingFlight struct {
	router.Flight
	h *handing
}

func (f handingFlight) Submit(ops ...*router.Op) error {
	if err := f.h.refusal(); err != nil {
		return err
	}
	return f.Flight.Submit(ops...)
}

// startHandover is three nodes that lead a shard each. The slots of node 1's shard are being handed over to node 2's, which
// serves them once arrive is called.
func startHandover(t *testing.T) (nodes []*node, source, target *handing, arrive func()) {
	nodes = start(t, 3, Limits{})
	source = &handing{memReplica: nodes[1].replica(), to: 3}
	target = &handing{memReplica: newMemReplica(t, 3, nodes[2].id, []slot.Range{{First: 0, Last: slot.Count - 1}}), arrived: make(chan struct{})}
	nodes[1].cluster.setReplica(2, source)
	nodes[2].cluster.setReplica(3, target)
	return nodes, source, target, sync.OnceFunc(func() { close(target.arrived) })
}

func TestCallsFollowASlotThatIsHandedOver(t *testing.T) {
	for name, i := range map[string]int{"called at a third node": 0, "at the source": 1, "at the target": 2} {
		t.Run(name, func(t *testing.T) {
			nodes, source, target, arrive := startHandover(t)
			key := keyAt(1, 3, "k")
			done := make(chan error, 1)
			go func() {
				_, err := nodes[i].cache.Set(within(t, testTime), set(key, "v"))
				done <- err
			}()
			eventually(t, func() bool { return source.asked.Load() > 0 })
			arrive()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			got := must[*cachev1.GetResponse](t)(nodes[i].cache.Get(within(t, testTime), &cachev1.GetRequest{Key: key}))
			if string(got.Item.GetValue()) != "v" || got.Header.ShardId != 3 {
				t.Errorf("got %v", got)
			}
			if source.Keys() != 0 || target.Keys() != 1 {
				t.Errorf("source and target hold %d and %d keys", source.Keys(), target.Keys())
			}
		})
	}
}

func TestCallsOnASlotThatNeverArrivesAreGivenUpInTime(t *testing.T) {
	nodes, _, target, _ := startHandover(t)
	for i := range nodes {
		begin := time.Now()
		_, err := nodes[i].cache.Set(within(t, testTime), set(keyAt(1, 3, "k"), "v"))
		expect(t, err, codes.Unavailable, "try-again", notApplied)
		if took := time.Since(begin); took < router.HoldMax/2 {
			t.Errorf("node %d gave up after %v", i, took)
		}
		_, err = nodes[i].cache.Get(within(t, testTime), &cachev1.GetRequest{Key: keyAt(1, 3, "k")})
		expect(t, err, codes.Unavailable, "try-again", notApplied)
	}
	if target.Keys() != 0 {
		t.Errorf("%d keys were written", target.Keys())
	}
}

// A client that finds its own way is told where, and says that it was.
func TestClientThatIsNotForwardedForIsSentToTheTarget(t *testing.T) {
	nodes, _, _, arrive := startHandover(t)
	key := keyAt(1, 3, "k")
	request := func(o *cachev1.CallOptions) *cachev1.SetRequest {
		r := set(key, "v")
		r.Options = o
		return r
	}
	_, err := nodes[1].cache.Set(within(t, testTime), request(&cachev1.CallOptions{NoForward: true}))
	d := expect(t, err, codes.FailedPrecondition, "ask", notApplied)
	if d.ShardId != 3 || d.LeaderNodeId != nodeID(2) || d.LeaderGrpcAddr != "grpc-2:6380" || d.Retry != cachev1.RetryAdvice_RETRY_ADVICE_AT_LEADER {
		t.Errorf("detail: %v", d)
	}
	_, err = nodes[2].cache.Set(within(t, testTime), request(&cachev1.CallOptions{NoForward: true}))
	expect(t, err, codes.FailedPrecondition, "not-leader", notApplied)
	done := make(chan error, 1)
	go func() {
		_, err := nodes[2].cache.Set(within(t, testTime), request(&cachev1.CallOptions{NoForward: true, Asking: true}))
		done <- err
	}()
	arrive()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestStaleReadOfASlotThatHasLeftFindsItsNewShard(t *testing.T) {
	nodes, _, _, arrive := startHandover(t)
	arrive()
	key := keyAt(1, 3, "k")
	must[*cachev1.SetResponse](t)(nodes[0].cache.Set(within(t, testTime), set(key, "v")))
	for i := range nodes {
		got := must[*cachev1.GetResponse](t)(nodes[i].cache.Get(within(t, testTime), &cachev1.GetRequest{Key: key, Options: &cachev1.CallOptions{ReadMode: cachev1.ReadMode_READ_MODE_STALE}}))
		if string(got.Item.GetValue()) != "v" {
			t.Errorf("at node %d: %v", i, got)
		}
	}
}

// migrate notes in a node's view that all slots go from shard 2 to shard 3.
func (n *node) migrate() {
	n.cluster.change(func(v *router.View) {
		v.AddMigration(router.Migration{ID: 1, From: 2, To: 3, Ranges: []slot.Range{{First: 0, Last: slot.Count - 1}}, Stage: router.MigrationRunning})
	})
}

func TestClientThatWasSentToANodeThatLeadsNoMoreIsSentOn(t *testing.T) {
	nodes, _, _, _ := startHandover(t)
	nodes[0].migrate()
	request := set(keyAt(1, 3, "k"), "v")
	request.Options = &cachev1.CallOptions{NoForward: true, Asking: true}
	_, err := nodes[0].cache.Set(within(t, testTime), request)
	d := expect(t, err, codes.FailedPrecondition, "ask", notApplied)
	if d.ShardId != 3 || d.LeaderNodeId != nodeID(2) || d.LeaderGrpcAddr != "grpc-2:6380" || d.Retry != cachev1.RetryAdvice_RETRY_ADVICE_AT_LEADER {
		t.Errorf("detail: %v", d)
	}
}

// Its slot map is behind those of the nodes that send calls there.
func TestNodeServesASlotThatHasArrivedWhateverItsSlotMapSays(t *testing.T) {
	nodes, _, target, arrive := startHandover(t)
	arrive()
	key := keyAt(1, 3, "k")
	_, err := nodes[2].server.ServeForward(within(t, testTime), forwardRequest(3, set(key, "v")))
	expect(t, err, codes.FailedPrecondition, "not-owned", notApplied)
	target.holds.Store(true)
	if _, err := nodes[2].server.ServeForward(within(t, testTime), forwardRequest(3, set(key, "v"))); err != nil {
		t.Error(err)
	}
	if _, err := nodes[2].cache.Set(within(t, testTime), set(key, "w")); err != nil || target.Keys() != 1 {
		t.Errorf("%d keys, %v", target.Keys(), err)
	}
}
