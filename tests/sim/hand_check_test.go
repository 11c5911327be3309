package sim

import (
	"cmp"
	"math"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// checkOwners: no slot is owned by two shards as of their committed logs.
func (w *handWorld) checkOwners() {
	for u, unit := range w.units {
		for _, key := range []string{unit.list, unit.register} {
			if w.ghosts[0].state(key) == store.SlotOwned && w.ghosts[1].state(key) == store.SlotOwned {
				w.fail("two shards own slot %d of unit %d", slot.Of([]byte(key)), u)
			}
		}
	}
}

// heal mends everything and demands that every hand-over ends, every request is answered, and each unit can be written
// to where it is in the end.
func (w *handWorld) heal() {
	w.healing = true
	var leaders [handGroups]int
	for g, group := range w.groups {
		leaders[g] = group.mend()
		if group.nodes[leaders[g]].role != coreLeader {
			w.fail("group %d elects nobody after everything was mended", g)
			return
		}
	}
	settled := func() bool { return len(w.now().records) == 0 && len(w.open) == 0 }
	if !w.goOn(leaders, settled) {
		w.stat.stuck = w.violation == ""
		w.fail("%d requests and these hand-overs do not end: %+v; %+v; %+v", len(w.open), w.now().records,
			w.ghosts[0].fsm.State(), w.ghosts[1].fsm.State())
		return
	}
	for u := range w.units {
		g := w.now().owner[u]
		o := w.ask(&handOp{kind: handAppend, unit: u, group: g, node: leaders[g]})
		if !w.goOn(leaders, func() bool { return o.out != coreOpen }) || o.out != coreOK {
			w.fail("unit %d cannot be written to at shard %d, which owns it: outcome %d, %v", u, handShard(g), o.out, o.request.Err)
			return
		}
	}
	w.goOn(leaders, func() bool { return false })
}

// goOn lets everybody work in good order until cond holds. A round takes a millisecond.
func (w *handWorld) goOn(leaders [handGroups]int, cond func() bool) bool {
	for range 200 + w.groups[0].lease.Milliseconds() {
		w.step++
		for g, group := range w.groups {
			group.step = w.step
			group.round(leaders[g])
			for n := range group.nodes {
				if group.cut != n+1 { // one that is cut off hears nothing of the meta group either
					w.drive(g, n)
				}
			}
			group.wait()
		}
		for range len(w.msgs) {
			w.deliver()
		}
		w.controller()
		w.settle()
		if w.violation != "" {
			return false
		}
		if cond() {
			return true
		}
	}
	return cond()
}

// check looks for broken promises in what the clients saw and in what the replicas hold in the end.
func (w *handWorld) check() {
	for _, o := range w.ops {
		switch {
		case o.out == coreOK && o.writes():
			w.stat.acked++
		case o.out == coreOK:
			w.stat.reads++
		case o.out == coreNotApplied:
			w.stat.notApplied++
		case o.out == coreUnknown:
			w.stat.unknown++
		}
	}
	for _, group := range w.groups {
		if group.checkReplicas(); group.violation != "" {
			w.fail("%s", group.violation)
		}
	}
	for u := range w.units {
		for _, look := range []func(int){w.checkPlace, w.checkList, w.checkVersions, w.checkRegister} {
			if look(u); w.violation != "" {
				return
			}
		}
	}
}

// checkPlace: the slots are owned by the shard that has them in the meta group's state; the other one has nothing of them.
func (w *handWorld) checkPlace(u int) {
	owner := w.now().owner[u]
	for g, group := range w.groups {
		st := group.nodes[0].store
		want := store.SlotNotOwned
		if g == owner {
			want = store.SlotOwned
		}
		for _, key := range []string{w.units[u].list, w.units[u].register} {
			if got := handSlotState(st, key); got != want {
				w.fail("unit %d, which shard %d owns: its slots are in state %d at shard %d, want %d", u, handShard(owner), got, handShard(g), want)
			}
			sl := st.Slot(slot.Of([]byte(key)))
			sl.RLock()
			if n := sl.LenLocked(); g != owner && n > 0 {
				w.fail("shard %d still holds %d keys of unit %d, which shard %d owns", handShard(g), n, u, handShard(owner))
			}
			sl.RUnlock()
		}
	}
}

// stored is the list of a unit at its owner.
func (w *handWorld) stored(u int) []byte {
	key := []byte(w.units[u].list)
	sl := w.groups[w.now().owner[u]].nodes[0].store.Slot(slot.Of(key))
	sl.RLock()
	defer sl.RUnlock()
	item, _ := sl.GetLocked(key)
	return handValue(storedFields{sl}, key, item)
}

// storedFields are the fields of a slot's keys, without overlay.
type storedFields struct{ *store.Slot }

func (s storedFields) EachField(key []byte, yield func(field, value []byte) bool) {
	if fields, ok := s.FieldsLocked(key); ok {
		fields.Each(yield)
	}
}

// list is what the list of a unit holds in the end, with the place of each op in it.
func (w *handWorld) list(u int) (ids []uint32, at map[uint32]int) {
	ids, at = coreIDs(w.stored(u)), map[uint32]int{}
	for i, id := range ids {
		if _, twice := at[id]; twice {
			w.fail("write %d is twice in the list of unit %d", id, u)
		}
		at[id] = i
	}
	return ids, at
}

// checkList: acknowledged writes are there exactly once, refused ones are not, and no read showed what was lost or less
// than had been seen before it began, whichever replica of whichever shard answered.
func (w *handWorld) checkList(u int) {
	ids, at := w.list(u)
	type event struct{ at, need int }
	var known []event
	for _, o := range w.ops {
		if o.unit != u || !o.onList() {
			continue
		}
		place, in := at[o.id]
		switch {
		case o.writes() && o.out == coreOK && !in:
			w.fail("acknowledged write %d at shard %d is not in the list of unit %d: %v", o.id, handShard(o.group), u, ids)
		case o.writes() && o.out == coreNotApplied && in:
			w.fail("write %d was answered \"not applied\" and is in the list of unit %d", o.id, u)
		case o.writes() && o.out == coreOK:
			known = append(known, event{o.end, place + 1})
		case o.out == coreOK && (len(o.seen) > len(ids) || !slices.Equal(o.seen, ids[:len(o.seen)])):
			w.fail("read %d (kind %d, mode %d) at shard %d showed of unit %d what was lost: %v, in the end %v", o.id, o.kind, o.mode, handShard(o.group), u, o.seen, ids)
		case o.out == coreOK:
			known = append(known, event{o.end, len(o.seen)})
		}
	}
	slices.SortFunc(known, func(a, b event) int { return a.at - b.at })
	i, need := 0, 0
	for _, o := range w.ops { // in the order of their start
		if o.unit != u || !o.onList() {
			continue
		}
		for ; i < len(known) && known[i].at < o.start; i++ {
			need = max(need, known[i].need)
		}
		if place, in := at[o.id]; in && place < need {
			w.fail("write %d became entry %d of the list of unit %d, but %d were known before it began", o.id, place, u, need)
		}
		if !o.writes() && o.out == coreOK && len(o.seen) < need {
			w.fail("read %d (kind %d, mode %d) at node %d of shard %d is stale: %d entries of unit %d, but %d were known before it began", o.id, o.kind, o.mode, o.node, handShard(o.group), len(o.seen), u, need)
		}
	}
}

// checkVersions: the versions of a key rise from write to write, at whichever shard it was written.
func (w *handWorld) checkVersions(u int) {
	_, at := w.list(u)
	var order []*handOp
	for _, o := range w.ops {
		if _, in := at[o.id]; in && o.unit == u && o.kind == handAppend {
			order = append(order, o)
		}
	}
	slices.SortFunc(order, func(a, b *handOp) int { return cmp.Compare(at[a.id], at[b.id]) })
	for i := 1; i < len(order); i++ {
		if a, b := order[i-1], order[i]; b.version <= a.version {
			w.fail("write %d of unit %d at shard %d has version %d, the one before it at shard %d has %d", b.id, u, handShard(b.group), b.version, handShard(a.group), a.version)
		}
	}
	given := map[uint64]uint32{}
	for _, o := range w.ops { // not even one of a write that was lost is given twice
		if o.unit != u || o.version == 0 || o.kind != handAppend || o.out == coreNotApplied {
			continue
		}
		if other, twice := given[o.version]; twice {
			w.fail("version %d of unit %d was given to writes %d and %d", o.version, u, other, o.id)
		}
		given[o.version] = o.id
	}
}

// checkRegister: reads and writes of a key that is set, deleted and flushed are linearizable.
func (w *handWorld) checkRegister(u int) {
	shown := map[string]bool{}
	mine := func(o *handOp) bool { return o.unit == u && !o.onList() }
	for _, o := range w.ops {
		if mine(o) && !o.writes() && o.out == coreOK {
			shown[o.value] = true
		}
	}
	var history []porcupine.Operation
	for _, o := range w.ops {
		if !mine(o) {
			continue
		}
		c := coreCall{write: o.writes()}
		if o.kind == handRegSet || !o.writes() {
			c.value = o.value
		}
		end := int64(2 * o.end)
		switch {
		case o.writes() && o.out == coreNotApplied:
			if o.kind == handRegSet && o.value != "" && shown[o.value] {
				w.fail("a read showed %s of unit %d, which was answered \"not applied\"", o.value, u)
			}
			continue
		case o.writes() && o.out == coreUnknown:
			if o.kind == handRegSet && !shown[o.value] {
				continue // nobody saw it: it can stand at the end
			}
			end = math.MaxInt64
		case o.out != coreOK:
			continue
		}
		w.stat.registers++
		call := int64(2*o.start + 1)
		history = append(history, porcupine.Operation{ClientId: int(o.id), Input: c, Call: call, Return: max(end, call), Output: o.value})
	}
	if got := porcupine.CheckOperationsTimeout(coreRegisterModel, history, 0); got != porcupine.Ok {
		w.fail("the register of unit %d is not linearizable (%v): %+v", u, got, history)
	}
}
