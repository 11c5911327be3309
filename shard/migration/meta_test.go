package migration

import (
	"context"
	"errors"
	"sync"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// metaGroup is the real machine of the meta group, without a log. The state that drivers watch can be an old one.
type metaGroup struct {
	t *testing.T

	mu      sync.Mutex // protects the fields below
	machine *meta.Machine
	index   uint64
	watched *meta.State // nil: the newest
	changed chan struct{}
	deaf    bool // answers nothing
}

var _ Meta = (*metaGroup)(nil)

// newMetaGroup knows two shards that have formed, of which the first owns all slots.
func newMetaGroup(t *testing.T) *metaGroup {
	g := &metaGroup{t: t, machine: meta.New(), changed: make(chan struct{})}
	settings := meta.DefaultSettings()
	settings.ExpectNodes = 1
	node := &storagev1.RegisterNode{Id: "a", StartCount: 1, Addresses: meta.Addresses{Cluster: "a:1"}.Proto()}
	g.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
		ClusterId: "c", FirstNode: node, Settings: settings.Proto(),
	}}})
	shard := func(ranges []slot.Range) *storagev1.NewShard {
		return &storagev1.NewShard{Ranges: meta.RangesProto(ranges), Replicas: []string{"a"}, PreferredLeader: "a"}
	}
	g.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{
		ExpectedEpoch: g.State().Epoch(), Shards: []*storagev1.NewShard{shard(slot.Split(1)), shard(nil)},
	}}})
	for _, id := range []uint64{1, 2} {
		g.must(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: id, Incarnation: 1}}})
	}
	return g
}

func (g *metaGroup) apply(command *storagev1.MetaCommand) meta.Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.index++
	result := g.machine.Apply(g.index, meta.Encode(command))
	g.signalLocked()
	return result
}

func (g *metaGroup) signalLocked() {
	close(g.changed)
	g.changed = make(chan struct{})
}

func (g *metaGroup) must(command *storagev1.MetaCommand) meta.Result {
	g.t.Helper()
	result := g.apply(command)
	if result.Err != nil {
		g.t.Fatal(result.Err)
	}
	return result
}

// lag keeps the watched state as it is, until false.
func (g *metaGroup) lag(lags bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.watched = nil; lags {
		g.watched = g.machine.State()
	}
	g.signalLocked()
}

// watch lets drivers watch a state of the past, until lag(false).
func (g *metaGroup) watch(state *meta.State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watched = state
	g.signalLocked()
}

// answer lets the group answer, or not.
func (g *metaGroup) answer(answers bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deaf = !answers
}

func (g *metaGroup) State() *meta.State {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.watched != nil {
		return g.watched
	}
	return g.machine.State()
}

func (g *metaGroup) newest() *meta.State { return g.machine.State() }

func (g *metaGroup) Changed() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.changed
}

var errDeaf = errors.New("the meta group does not answer")

func (g *metaGroup) isDeaf() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.deaf
}

func (g *metaGroup) Latest(context.Context) (*meta.State, error) {
	if g.isDeaf() {
		return nil, errDeaf
	}
	return g.newest(), nil
}

func (g *metaGroup) Propose(_ context.Context, command *storagev1.MetaCommand) (meta.Result, error) {
	if g.isDeaf() {
		return meta.Result{}, errDeaf
	}
	return g.apply(command), nil
}
