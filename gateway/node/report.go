package node

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
)

// GetReport tells how this node is doing.
func (s *nodeService) GetReport(_ context.Context, request *nodev1.GetReportRequest) (*nodev1.GetReportResponse, error) {
	return s.n.report(request), nil
}

// reportListMax bounds the lists in a report, whatever the asking node would like.
const reportListMax = 128

func (n *Node) report(request *nodev1.GetReportRequest) *nodev1.GetReportResponse {
	counted, memory := n.resp.Stats(), n.memory()
	lookups := counted.Lookups
	lookups.Add(n.grpc.Lookups())
	r := &nodev1.GetReportResponse{
		Version: n.cfg.Version, UpMs: uint64(time.Since(n.started).Milliseconds()), NotReady: n.notReady(), Connections: counted.Connections,
		MemoryUsedBytes: uint64(memory.Used), MemoryLimitBytes: uint64(memory.Limit), MemoryResidentBytes: uint64(memory.RSS),
		Hits: lookups.Hits, Misses: lookups.Misses,
	}
	for _, name := range slices.Sorted(maps.Keys(counted.Ended)) {
		r.Commands = append(r.Commands, commandReport(name, counted.Ended[name]))
	}
	for _, slow := range n.resp.SlowLog(int(min(request.SlowCommandsMax, reportListMax))) {
		c := &nodev1.SlowCommand{Id: slow.ID, TimeMs: slow.Time.UnixMilli(), TookUs: uint64(slow.Took.Microseconds()), Client: slow.Client, ClientName: slow.Name}
		for _, arg := range slow.Args {
			c.Args = append(c.Args, []byte(arg))
		}
		r.SlowCommands = append(r.SlowCommands, c)
	}
	for _, hot := range n.resp.HotKeys(int(min(request.HotKeysMax, reportListMax))) {
		r.HotKeys = append(r.HotKeys, &nodev1.HotKey{Key: []byte(hot.Key), Rate: hot.Rate, RateError: hot.Error})
	}
	h := n.host.Load()
	if h == nil {
		return r
	}
	r.EvictionPolicy = h.State().Settings().MaxMemoryPolicy.String()
	for _, replica := range h.Replicas() {
		f := shardFacts(replica)
		r.Expired += f.Executor.Expired
		r.Evicted += f.Executor.Evicted
		r.Replicas = append(r.Replicas, &nodev1.ReplicaReport{
			ShardId: f.ID, Leads: f.Leads, Serving: f.Serving, Term: f.Term, LastIndex: f.Last, AppliedIndex: f.Applied,
			Keys: uint64(f.Keys), Bytes: uint64(replica.Store().UsedBytes()),
		})
	}
	return r
}

func commandReport(name string, st respserver.CommandStats) *nodev1.CommandReport {
	c := &nodev1.CommandReport{Name: name, Failed: st.Failed, Rejected: st.Rejected, TotalUs: uint64(st.Took.Total.Microseconds())}
	for step, count := range st.Took.Counts {
		if count > 0 {
			c.Steps = append(c.Steps, &nodev1.LatencyStep{BoundNs: uint64(respserver.LatencyBound(step)), Count: count})
		}
	}
	return c
}

// LookUpKey tells what is known of a key here.
func (s *nodeService) LookUpKey(ctx context.Context, request *nodev1.LookUpKeyRequest) (*nodev1.LookUpKeyResponse, error) {
	t, ok := s.n.routes.Find(slot.Of(request.Key), router.NotAsked)
	if !ok || t.Replica == nil {
		return nil, toStatus(apierr.New(apierr.KindNotLeader, "this node does not lead the shard of the key; ask its leader"))
	}
	found, err := lookUpAt(ctx, t.Replica, request.Key)
	return found, toStatus(err)
}

// lookUpAt looks at a key without using it.
func lookUpAt(ctx context.Context, replica router.Replica, key []byte) (*nodev1.LookUpKeyResponse, error) {
	var found *nodev1.LookUpKeyResponse
	err := replica.Read(ctx, slot.Of(key), router.ReadLease, func(r ops.Reader) {
		found = &nodev1.LookUpKeyResponse{ShardId: uint64(replica.Shard())}
		item, ok := r.Peek(key)
		if !ok {
			return
		}
		found.Exists, found.Type, found.Version, found.ExpireAtMs = true, item.Type.String(), item.Version, item.ExpireAt
		if usage, ok := r.Usage(key); ok {
			found.Bytes, found.IdleMs = uint64(usage.Bytes), uint64(usage.Idle.Milliseconds())
			if usage.Frequency {
				freq := uint32(usage.Freq)
				found.Frequency = &freq
			}
		}
	})
	return found, err
}
