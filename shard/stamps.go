package shard

import (
	"context"
	"log/slog"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
	"github.com/holtcache/holt/shard/transport"
)

// StampWire is the part of a replica's wire that carries access stamps.
type StampWire interface {
	// SendStamps sends a portion or drops it; it never waits.
	SendStamps(to string, term uint64, portion []byte) error
	// Stamps gives the portions of others.
	Stamps() <-chan transport.Stamps
}

var _ StampWire = (*transport.Group)(nil)

// StampRoundDefault is how long a round of access stamps takes unless somebody says otherwise.
const StampRoundDefault = 30 * time.Second

// StampPacing says how fast a leader carries access stamps to its followers; zero fields take their defaults.
type StampPacing struct {
	// Round is how long a pass over all slots takes at least: a failover forgets the uses of that time. Default
	// StampRoundDefault.
	Round time.Duration
	// BytesPerSecond bounds what is sent, to all followers together; a round that has more to tell takes longer. Default
	// 1 MiB: two followers of a shard of two million keys, all of them used in 30 s, get half of that.
	BytesPerSecond int
}

func (p StampPacing) withDefaults() StampPacing {
	if p.Round == 0 {
		p.Round = StampRoundDefault
	}
	if p.BytesPerSecond == 0 {
		p.BytesPerSecond = 1 << 20
	}
	return p
}

// stampCarrier carries the access stamps of keys from a shard's leader to its followers, so that one of them that takes over
// evicts by what was used, not only by what was written. They are hints: they go beside the log, may be lost, and
// nothing waits for them. One goroutine owns it, on leaders and followers alike.
type stampCarrier struct {
	group  stampGroup
	wire   StampWire
	pacing StampPacing
	store  *store.Store
	// policy is how all stamps of the store can be read now, false while they are converted.
	policy func() (executor.EvictionPolicy, bool)
	now    func() int64 // the shard's time
	state  func() raftfsm.State
	log    *slog.Logger

	// The fields of this group are those of a leader. pass is nil where there is nothing to carry.
	pass    *store.StampPass
	carries executor.EvictionPolicy
	term    uint64
	budget  int // bytes that may be sent to each follower now; below 0 where the last portion was larger
	rounds  int // since all stamps were given
	missed  bool
	// reached tells of each follower whether the last portion could be sent to it.
	reached map[string]bool
	buf     []byte

	loading loading
	refused uint64 // the last term in which a portion made no sense
}

// stampGroup is what a carrier needs of its member.
type stampGroup interface {
	Group() slot.ShardID
	Leader() (term uint64, leads bool)
	KnownLeader() (node string, term uint64)
	others() []string
}

var _ stampGroup = (*member)(nil)

func (r *Replica) newStampCarrier(wire StampWire) *stampCarrier {
	return &stampCarrier{
		group: r.member, wire: wire, pacing: r.cfg.Stamps.withDefaults(), store: r.store, policy: r.exec.StampPolicy, now: r.exec.Clock().Now,
		state: r.fsm.State, loading: loading{target: r.LastIndex()}, log: r.cfg.Logger,
	}
}

// run ends with ctx.
func (c *stampCarrier) run(ctx context.Context) {
	ticker := time.NewTicker(max(c.pacing.Round/stampTicks, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case got := <-c.wire.Stamps():
			c.receive(got)
		case <-ticker.C:
			c.loading.note(c.state(), c.now())
			c.step()
		}
	}
}

// stampKind is how the stamps of a policy are read; false for one that needs none.
func stampKind(p executor.EvictionPolicy) (kind store.StampKind, volatileOnly, ok bool) {
	switch p {
	case executor.AllKeysLRU, executor.VolatileLRU:
		return store.StampsLRU, p == executor.VolatileLRU, true
	case executor.AllKeysLFU, executor.VolatileLFU:
		return store.StampsLFU, p == executor.VolatileLFU, true
	}
	return 0, false, false
}

// receive applies a portion of the leader that this replica follows.
func (c *stampCarrier) receive(got transport.Stamps) {
	leader, term := c.group.KnownLeader()
	policy, settled := c.policy()
	kind, _, needed := stampKind(policy)
	if !settled || !needed || leader != got.From || term != got.Term {
		return
	}
	if _, err := c.store.ApplyStamps(got.Portion, kind, c.now(), c.loading.until); err != nil && c.refused != term {
		c.refused = term
		c.log.Warn("access stamps of the leader make no sense and are passed over; after a failover eviction starts without them",
			"shard", c.group.Group(), "term", term, "leader", got.From, "err", err)
	}
}
