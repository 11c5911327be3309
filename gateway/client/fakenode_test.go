package client

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

const testTime = 20 * time.Second

// fakeNode is a node whose answers a test makes up.
type fakeNode struct {
	cachev1.UnimplementedCacheServiceServer
	clusterv1.UnimplementedTopologyServiceServer
	addr string
	// answer is called for each call, one at a time; nil breaks the stream off.
	answer func(call *cachev1.PipelineCall) *cachev1.PipelineReply
	maps   *fakeMaps

	mu    sync.Mutex
	calls []*cachev1.PipelineCall
}

// fakeMaps is the slot map that all nodes of a test tell.
type fakeMaps struct {
	mu      sync.Mutex
	current *clusterv1.SlotMap
	nowMs   int64 // 0: the present
	changed chan struct{}
}

func (m *fakeMaps) set(s *clusterv1.SlotMap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current = s
	close(m.changed)
	m.changed = make(chan struct{})
}

func (f *fakeNode) WatchSlotMap(_ *clusterv1.WatchSlotMapRequest, stream clusterv1.TopologyService_WatchSlotMapServer) error {
	for {
		f.maps.mu.Lock()
		response, changed := &clusterv1.WatchSlotMapResponse{SlotMap: f.maps.current, NowMs: f.maps.nowMs}, f.maps.changed
		f.maps.mu.Unlock()
		if response.NowMs == 0 {
			response.NowMs = time.Now().UnixMilli()
		}
		if err := stream.Send(response); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stream.Context().Done():
			return nil
		}
	}
}

func (f *fakeNode) Pipeline(stream cachev1.CacheService_PipelineServer) error {
	for {
		request, err := stream.Recv()
		if err != nil {
			return err
		}
		for _, call := range request.GetCalls() {
			f.mu.Lock()
			f.calls = append(f.calls, call)
			f.mu.Unlock()
			reply := f.answer(call)
			if reply == nil {
				return apierr.New(apierr.KindShutdown, "broken off")
			}
			reply.Id = call.GetId()
			if err := stream.Send(&cachev1.PipelineResponse{Replies: []*cachev1.PipelineReply{reply}}); err != nil {
				return err
			}
		}
	}
}

// seen lists the calls that have come here.
func (f *fakeNode) seen() []*cachev1.PipelineCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*cachev1.PipelineCall(nil), f.calls...)
}

// fakeNodes starts nodes that all know that the i-th of them leads the one shard, in term 1.
func fakeNodes(t *testing.T, count, leads int) []*fakeNode {
	t.Helper()
	maps := &fakeMaps{changed: make(chan struct{})}
	var nodes []*fakeNode
	for range count {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f := &fakeNode{addr: l.Addr().String(), maps: maps, answer: func(*cachev1.PipelineCall) *cachev1.PipelineReply { return setTo(1) }}
		s := grpc.NewServer()
		cachev1.RegisterCacheServiceServer(s, f)
		clusterv1.RegisterTopologyServiceServer(s, f)
		var serving sync.WaitGroup
		serving.Go(func() { _ = s.Serve(l) })
		t.Cleanup(func() { s.Stop(); serving.Wait() })
		nodes = append(nodes, f)
	}
	maps.set(mapOf(nodes, leads, 1))
	return nodes
}

func nodeID(i int) string { return strings.Repeat(string(rune('a'+i)), 40) }

// mapOf is the map in which the i-th node leads; -1: nobody does.
func mapOf(nodes []*fakeNode, leads int, term uint64) *clusterv1.SlotMap {
	m := &clusterv1.SlotMap{Epoch: 1, Shards: []*clusterv1.Shard{{Id: 1, Slots: []*clusterv1.SlotRange{{Last: 16383}}, Term: term}}}
	for i, n := range nodes {
		m.Nodes = append(m.Nodes, &clusterv1.Node{Id: nodeID(i), Addresses: &clusterv1.Addresses{Grpc: n.addr}})
	}
	if leads >= 0 {
		m.Shards[0].LeaderNodeId = nodeID(leads)
	}
	return m
}

func dialNodes(t *testing.T, nodes []*fakeNode, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{Addrs: []string{nodes[0].addr}}
	for _, c := range change {
		c(&cfg)
	}
	c, err := Dial(within(t, testTime), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func setTo(version uint64) *cachev1.PipelineReply {
	return &cachev1.PipelineReply{Reply: &cachev1.PipelineReply_Set{Set: &cachev1.SetResponse{Applied: true, Header: &cachev1.ReplyHeader{Version: version}}}}
}

func failed(kind apierr.Kind, leader string) *cachev1.PipelineReply {
	outcome := cachev1.Outcome_OUTCOME_NOT_APPLIED
	if kind.Row().Outcome == apierr.OutcomeUnknown {
		outcome = cachev1.Outcome_OUTCOME_UNKNOWN
	}
	return &cachev1.PipelineReply{Reply: &cachev1.PipelineReply_Error{Error: &cachev1.CallError{
		Code: int32(kind.Row().Code), Message: "made up", Detail: &cachev1.ErrorDetail{Kind: kind.String(), Outcome: outcome, LeaderGrpcAddr: leader},
	}}}
}

// inTurn gives one answer after the other, and the last one from then on.
func inTurn(answers ...*cachev1.PipelineReply) func(*cachev1.PipelineCall) *cachev1.PipelineReply {
	return func(*cachev1.PipelineCall) *cachev1.PipelineReply {
		a := answers[0]
		if len(answers) > 1 {
			answers = answers[1:]
		}
		if a == nil {
			return nil
		}
		return &cachev1.PipelineReply{Reply: a.Reply}
	}
}

func optionsOf(call *cachev1.PipelineCall) *cachev1.CallOptions {
	switch r := call.GetCall().(type) {
	case *cachev1.PipelineCall_Get:
		return r.Get.GetOptions()
	case *cachev1.PipelineCall_Set:
		return r.Set.GetOptions()
	case *cachev1.PipelineCall_Batch:
		return r.Batch.GetOptions()
	}
	return nil
}
