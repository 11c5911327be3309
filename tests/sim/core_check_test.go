package sim

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/anishathalye/porcupine"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/executor"
)

// check looks for broken promises in what the clients saw and in what the replicas hold in the end.
func (w *coreWorld) check() {
	for _, o := range w.ops {
		w.count(o)
	}
	for _, look := range []func(){w.checkReplicas, w.checkLists, w.checkVersions, w.checkCounter, w.checkExpiry, w.checkRegister, w.checkCached} {
		if look(); w.violation != "" {
			return
		}
	}
}

func (w *coreWorld) count(o *coreOp) {
	switch {
	case o.out == coreNotApplied && !o.reads():
		w.stat.notApplied++
	case o.out == coreUnknown:
		w.stat.unknown++
	case o.out == coreOK && o.reads():
		w.stat.reads++
	case o.out == coreOK && o.version == 0:
		w.stat.effectFree++
	case o.out == coreOK && !o.async:
		w.stat.acked++
	}
}

// checkReplicas: equal logs give equal replicas.
func (w *coreWorld) checkReplicas() {
	first := raftfsm.Digest(w.nodes[0].store, w.nodes[0].fsm.State())
	for _, n := range w.nodes {
		if n.applied != w.nodes[0].applied {
			w.fail("node %d has applied %d, node 0 %d", n.id, n.applied, w.nodes[0].applied)
		} else if !reflect.DeepEqual(n.fsm.State(), w.nodes[0].fsm.State()) || raftfsm.Digest(n.store, n.fsm.State()) != first {
			w.fail("node %d differs from node 0 at index %d: %+v, %+v", n.id, n.applied, n.fsm.State(), w.nodes[0].fsm.State())
		}
	}
}

// stored is what a key holds in the end.
func (w *coreWorld) stored(key string) []byte {
	sl := w.nodes[0].store.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	item, _ := sl.GetLocked([]byte(key))
	return item.Value
}

// coreFinal is the two lists in the end: every value that they ever had in the committed history is a prefix.
type coreFinal struct {
	lists [2][]uint32
	at    [2]map[uint32]int
	// joint holds the lengths that both lists had together at some moment.
	joint map[[2]int]bool
	// carried holds the batches that are in the committed log, applied or not.
	carried map[executor.BatchID]bool
}

func (w *coreWorld) final() *coreFinal {
	f := &coreFinal{joint: map[[2]int]bool{{}: true}, carried: map[executor.BatchID]bool{}}
	for k := range f.lists {
		f.lists[k], f.at[k] = coreIDs(w.stored(coreLists[k])), map[uint32]int{}
		for i, id := range f.lists[k] {
			if _, twice := f.at[k][id]; twice {
				w.fail("op %d is twice in list %d", id, k)
			}
			f.at[k][id] = i
		}
	}
	// Versions rise with every change, so they give the order in which both lists grew.
	var order []*coreOp
	for _, o := range w.ops {
		_, first := f.at[0][o.id]
		_, second := f.at[1][o.id]
		if first || second {
			order = append(order, o)
		}
		if o.kind != coreAppend && first != second {
			w.fail("write %d on both lists was applied in part: %v, %v", o.id, f.lists[0], f.lists[1])
		}
	}
	slices.SortFunc(order, func(a, b *coreOp) int { return cmp.Compare(a.version, b.version) })
	var length [2]int
	for _, o := range order {
		for k := range length {
			if at, in := f.at[k][o.id]; in {
				if at != length[k] {
					w.fail("write %d is entry %d of list %d, its version says %d", o.id, at, k, length[k])
				}
				length[k]++
			}
		}
		f.joint[length] = true
	}
	for _, e := range w.nodes[0].log[:w.nodes[0].commit] {
		if h := entry.PeekHeader(e.data); h.Kind == entry.KindBatch {
			f.carried[executor.BatchID{Incarnation: h.Incarnation, Sequence: h.Sequence}] = true
		}
	}
	return f
}

// checkLists: acknowledged writes are there exactly once, refused ones are not, and no read showed what was lost, what
// was torn, or less than had been seen before it began.
func (w *coreWorld) checkLists() {
	f := w.final()
	for _, o := range w.ops {
		for k := range coreLists {
			if o.appends() && (o.kind != coreAppend || o.key == k) {
				w.checkAppend(o, k, f)
			}
			if o.out == coreOK && o.has[k] {
				w.checkSeen(o, k, f)
			}
		}
		if o.out == coreOK && o.has[0] && o.has[1] && !f.joint[[2]int{len(o.seen[0]), len(o.seen[1])}] && !o.lost(f) {
			w.fail("op %d (kind %d) saw both lists as they never were together: %v, %v; in the end %v, %v", o.id, o.kind, o.seen[0], o.seen[1], f.lists[0], f.lists[1])
		}
	}
	if w.violation == "" {
		w.checkRealTime(f)
	}
}

// lost tells whether an acknowledged async write is not there.
func (o *coreOp) lost(f *coreFinal) bool {
	if !o.async || !o.appends() {
		return false
	}
	_, in := f.at[o.key][o.id]
	return !in
}

func (w *coreWorld) checkAppend(o *coreOp, k int, f *coreFinal) {
	at, in := f.at[k][o.id]
	switch {
	case o.out == coreNotApplied && in:
		w.fail("write %d was answered \"not applied\" and is in list %d", o.id, k)
	case o.out == coreOK && !in && !o.async:
		w.fail("acknowledged write %d of node %d is not in list %d", o.id, o.node, k)
	case o.out == coreOK && !in:
		w.stat.lostAsync++
		if f.carried[o.batch] {
			w.fail("async write %d was acknowledged, is in the committed log, and was skipped", o.id)
		}
	}
	if b := o.before; in && b != nil && b.appends() && (b.kind != coreAppend || b.key == k) {
		if p, in := f.at[k][b.id]; in && p > at {
			w.fail("write %d overtook write %d of the same connection", o.id, b.id)
		}
	}
}

func (w *coreWorld) checkSeen(o *coreOp, k int, f *coreFinal) {
	final := f.lists[k]
	if o.kind == coreExec && o.lost(f) {
		return // an async write's reply may be lost with it
	}
	if len(o.seen[k]) > len(final) || !slices.Equal(o.seen[k], final[:len(o.seen[k])]) {
		w.fail("op %d (kind %d, mode %d, node %d) showed of list %d what was lost: %v, in the end %v", o.id, o.kind, o.mode, o.node, k, o.seen[k], final)
		return
	}
	if o.kind == coreExec && f.at[k][o.id] != len(o.seen[k]) {
		w.fail("transaction %d saw %d entries of list %d and wrote entry %d", o.id, len(o.seen[k]), k, f.at[k][o.id])
	}
	if b := o.before; o.kind == coreGet && b != nil && b.out == coreOK && b.appends() && (b.kind != coreAppend || b.key == k) {
		if p, in := f.at[k][b.id]; in && p >= len(o.seen[k]) {
			w.fail("read %d misses write %d, which came before it on its connection", o.id, b.id)
		}
	}
	for _, id := range o.seen[k] {
		if w.ops[id-1].start > o.end {
			w.fail("read %d showed write %d, which began after it", o.id, id)
		}
	}
}

// checkRealTime: whatever began after something was seen or acknowledged comes behind it.
func (w *coreWorld) checkRealTime(f *coreFinal) {
	for k := range coreLists {
		type event struct{ at, need int }
		var known []event
		for _, o := range w.ops {
			if o.out != coreOK {
				continue
			}
			need := 0
			if p, in := f.at[k][o.id]; in {
				need = p + 1
			}
			if o.has[k] && !o.lost(f) {
				need = max(need, len(o.seen[k]))
			}
			if need > 0 {
				known = append(known, event{o.end, need})
			}
		}
		slices.SortFunc(known, func(a, b event) int { return a.at - b.at })
		i, need := 0, 0
		for _, o := range w.ops { // in the order of their start
			for ; i < len(known) && known[i].at < o.start; i++ {
				need = max(need, known[i].need)
			}
			if p, in := f.at[k][o.id]; in && p < need {
				w.fail("write %d became entry %d of list %d, but %d were known before it began", o.id, p, k, need)
			}
			if o.out == coreOK && o.has[k] && !o.lost(f) && len(o.seen[k]) < need {
				w.fail("op %d (kind %d, mode %d, node %d) is stale: %d entries of list %d, but %d were known before it began", o.id, o.kind, o.mode, o.node, len(o.seen[k]), k, need)
			}
		}
	}
}

// checkVersions: no version is given out twice, not even one of a lost write.
func (w *coreWorld) checkVersions() {
	given := map[uint64]uint32{}
	for _, o := range w.ops {
		if o.out != coreOK || o.version == 0 {
			continue
		}
		if other, twice := given[o.version]; twice {
			w.fail("version %d was given to ops %d and %d", o.version, other, o.id)
		}
		given[o.version] = o.id
	}
}

// checkExpiry: a value that was found gone is never seen again.
func (w *coreWorld) checkExpiry() {
	setAt := map[string]*coreOp{}
	var reads []*coreOp
	for _, o := range w.ops {
		switch {
		case o.kind == coreExpirySet:
			setAt[strconv.Itoa(int(o.id))] = o
		case (o.kind == coreExpiryGet || o.kind == coreExpiryNX) && o.out == coreOK:
			reads = append(reads, o)
			if o.value == "" {
				w.stat.expired++
			}
		}
	}
	for _, seen := range reads {
		if seen.value == "" {
			continue
		}
		set := setAt[seen.value]
		if set.out == coreNotApplied {
			w.fail("read %d showed %s, which was answered \"not applied\"", seen.id, seen.value)
		}
		for _, gone := range reads {
			if gone.value == seen.value || gone.end >= seen.start {
				continue
			}
			if was := func(o *coreOp) bool { return o.end < gone.start }; set.out == coreOK && was(set) || slices.ContainsFunc(reads, func(r *coreOp) bool { return r.value == seen.value && was(r) }) {
				w.fail("read %d showed %s, which read %d had found gone", seen.id, seen.value, gone.id)
			}
		}
	}
}

// checkRegister: reads and writes of one key that is set, deleted and flushed are linearizable.
func (w *coreWorld) checkRegister() {
	history := w.registerHistory(func(o *coreOp) bool { return o.kind >= coreRegSet && o.kind <= coreRegNX }, coreRegSet, coreRegFlush)
	if got := porcupine.CheckOperationsTimeout(coreRegisterModel, history, 0); got != porcupine.Ok {
		w.fail("the register is not linearizable (%v): %+v", got, history)
	}
}

// coreRegisterModel is a register that begins empty.
var coreRegisterModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		if c := input.(coreCall); c.write {
			return true, c.value
		}
		return state == output, state
	},
}

// coreCall is one op on a register.
type coreCall struct {
	write bool
	value string
}

// registerHistory lists the ops on a register. Kinds from set to lastWrite are writes, and set gives it a value.
func (w *coreWorld) registerHistory(of func(*coreOp) bool, set, lastWrite coreKind) (history []porcupine.Operation) {
	shown := map[string]bool{}
	for _, o := range w.ops {
		if of(o) && o.kind > lastWrite && o.out == coreOK {
			shown[o.value] = true
		}
	}
	for _, o := range w.ops {
		if !of(o) {
			continue
		}
		c := coreCall{write: o.kind <= lastWrite}
		if o.kind == set || !c.write {
			c.value = o.value
		}
		end := int64(2 * o.end)
		switch {
		case c.write && o.out == coreNotApplied:
			if o.kind == set && o.value != "" && shown[o.value] {
				w.fail("a read showed %s, which was answered \"not applied\"", o.value)
			}
			continue
		case c.write && o.out == coreUnknown:
			if o.kind == set && !shown[o.value] {
				continue // nobody saw it: it can stand at the end
			}
			end = math.MaxInt64
		case o.out != coreOK:
			continue
		}
		w.stat.registers++
		history = append(history, porcupine.Operation{ClientId: int(o.id), Input: c, Call: int64(2*o.start + 1), Return: max(end, int64(2*o.start+1)), Output: o.value})
	}
	return history
}
