package sim

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/store"
)

// The hand-over simulation runs two groups of the core simulation, between which slots move forth and back. Between the
// groups and to the meta group messages are lost, late, doubled and out of order; what a node knows of the meta group is
// old. Executors, state machines and stores are the real ones; the drivers that propose the records of a hand-over
// follow the executable model's.
const (
	handGroups = 2
	handUnits  = 3
)

// handUnit is what moves as one: the slot of a list and the slot of a register.
type handUnit struct{ list, register string }

func newHandUnit(i int) handUnit {
	return handUnit{fmt.Sprintf("{list of unit %d}", i), fmt.Sprintf("{register of unit %d}", i)}
}

func (u handUnit) ranges() []slot.Range {
	a, b := slot.Of([]byte(u.list)), slot.Of([]byte(u.register))
	return slot.Normalize([]slot.Range{{First: a, Last: a}, {First: b, Last: b}})
}

// handShard is the shard of a group.
func handShard(group int) slot.ShardID { return slot.ShardID(group + 1) }

// handWorld is one run.
type handWorld struct {
	r       *rand.Rand
	ctx     context.Context
	step    int
	groups  [handGroups]*coreWorld
	ghosts  [handGroups]*handGhost
	units   [handUnits]handUnit
	meta    []handMeta // every state that the meta group had; the last one is the present
	msgs    []handMsg
	ops     []*handOp
	open    []*handOp // without outcome
	drivers map[*coreReplica]*handDriver
	// broken is what the drivers do wrong on purpose.
	broken handBroken
	// drives, delivers and controls are shares of the acts, in percent.
	drives, delivers, controls int
	// patience is how many looks the controller takes, about, before it aborts a migration.
	patience int
	// padded tells that the list of handHashUnit has a table of its own rather than a packed form.
	padded bool
	// healing tells that nothing goes wrong any more and no hand-over begins.
	healing bool

	violation string
	stat      handStats
}

// handStats counts what happened, so that a run in which nothing happened does not pass for a good one.
type handStats struct {
	begun, committed, aborted, collected, streams, chunks, acked, notApplied, unknown, reads, registers, refusedAsk, refusedImporting int
	// stuck tells that hand-overs did not end after everything was mended.
	stuck bool
}

// newHandWorld draws a world from a seed. lease is how long leases last, drawn too where it is 0.
func newHandWorld(ctx context.Context, seed uint64, lease time.Duration, broken handBroken) *handWorld {
	w := &handWorld{r: rand.New(rand.NewPCG(seed, 13)), ctx: ctx, broken: broken, padded: seed%2 == 0, drivers: map[*coreReplica]*handDriver{}}
	w.drives, w.delivers, w.controls = 3+w.r.IntN(6), 3+w.r.IntN(6), 1+w.r.IntN(2)
	w.patience = []int{10, 100, 1000}[w.r.IntN(3)]
	w.meta = []handMeta{{}}
	for i := range w.units {
		w.units[i] = newHandUnit(i)
	}
	for g := range w.groups {
		drawn := time.Duration([]int{4, 10, 10, 30}[w.r.IntN(4)]) * time.Millisecond
		w.groups[g] = newCoreGroup(ctx, seed*handGroups+uint64(g), cmp.Or(lease, drawn), handShard(g), func() []slot.Range { return w.slotsOf(g) })
		w.groups[g].swarm(handWeights(), 5, 10, 10, 20)
		w.ghosts[g] = newHandGhost(g)
	}
	return w
}

// handWeights are the core's with fewer faults: a hand-over needs two groups that get on.
func handWeights() [coreActs]int {
	weights := coreWeights
	weights[actCampaign], weights[actVote], weights[actStepDown], weights[actRelease], weights[actCut], weights[actHide] = 1, 900, 1, 2, 3, 20
	return weights
}

// slotsOf is what the meta group says of a shard's slots: at first the first one owns all.
func (w *handWorld) slotsOf(group int) (ranges []slot.Range) {
	var moved [slot.Count]bool
	now := w.now()
	for u := range w.units {
		for _, r := range w.units[u].ranges() {
			moved[r.First] = now.owner[u] == 1
		}
	}
	for s := range moved {
		if moved[s] == (group == 1) {
			ranges = append(ranges, slot.Range{First: slot.ID(s), Last: slot.ID(s)})
		}
	}
	return slot.Normalize(ranges)
}

func (w *handWorld) fail(format string, args ...any) {
	if w.violation == "" {
		w.violation = fmt.Sprintf("step %d: ", w.step) + fmt.Sprintf(format, args...)
	}
}

// act lets one thing happen, and all that follows from it at once.
func (w *handWorld) act() {
	g := w.r.IntN(handGroups)
	for _, group := range w.groups {
		group.step = w.step
	}
	switch p := w.r.IntN(100); {
	case p < w.drives:
		w.drive(g, w.r.IntN(coreNodes))
	case p < w.drives+w.delivers:
		w.deliver()
	case p < w.drives+w.delivers+w.controls:
		w.controller()
	default:
		w.groupAct(w.groups[g])
	}
	w.settle()
}

func (w *handWorld) groupAct(group *coreWorld) {
	switch act := group.draw(); act {
	case actClient:
		w.client()
	case actAbandon:
		w.abandon()
	default:
		group.perform(act)
	}
}

// settle lets everybody react to an act and looks at what came of it.
func (w *handWorld) settle() {
	for _, group := range w.groups {
		group.wait()
		if group.violation != "" {
			w.fail("%s", group.violation)
		}
	}
	w.collect()
	moved := false
	for g, ghost := range w.ghosts {
		moved = ghost.follow(w.groups[g]) || moved
	}
	if moved {
		w.checkOwners()
	}
}

// handGhost is the state that the committed log of a group has led to, which nobody in the simulation sees.
type handGhost struct {
	fsm     *raftfsm.FSM
	store   *store.Store
	applied int
}

func newHandGhost(group int) *handGhost {
	st := store.New()
	return &handGhost{fsm: raftfsm.New(uint64(handShard(group)), st, raftfsm.Deaf{}), store: st}
}

// follow applies what has been committed since, and tells whether there was anything.
func (h *handGhost) follow(group *coreWorld) (moved bool) {
	for _, n := range group.nodes {
		for ; h.applied < n.commit; h.applied++ {
			moved = true
			e := n.log[h.applied]
			l := &raft.Log{Index: uint64(h.applied + 1), Term: uint64(e.term), Type: raft.LogCommand, Data: e.data}
			if e.data == nil {
				l.Type = raft.LogNoop
			}
			h.fsm.Apply(l)
		}
	}
	return moved
}

// state of a slot as of the committed log.
func (h *handGhost) state(key string) store.SlotState { return handSlotState(h.store, key) }

func handSlotState(st *store.Store, key string) store.SlotState {
	sl := st.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	return sl.StateLocked()
}

// runHand runs one seed in a bubble of virtual time.
func runHand(t *testing.T, seed uint64, steps int, broken handBroken) (violation string, stat handStats) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w := newHandWorld(ctx, seed, 0, broken)
		for _, group := range w.groups {
			group.elect(0, 1)
		}
		for w.step = 1; w.step < steps && w.violation == ""; w.step++ {
			w.act()
		}
		if w.violation == "" {
			w.heal()
		}
		if w.violation == "" {
			w.check()
		}
		violation, stat = w.violation, w.stat
		w.close(cancel)
	})
	return violation, stat
}

func (w *handWorld) close(cancel context.CancelFunc) {
	cancel()
	for _, group := range w.groups {
		for _, n := range group.nodes {
			n.close()
		}
	}
}
