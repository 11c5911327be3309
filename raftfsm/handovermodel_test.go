package raftfsm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// modelSlot is the executable model of the protocol for one slot of one group. Here a note of another migration's end
// counts also while the slot is handed over, so ended is raised everywhere and never set back. It knows an attempt by its place in attempts.
type modelSlot struct {
	st      store.SlotState
	id      uint64 // migration of Frozen and Importing
	ended   uint64
	val     map[string]string
	stage   map[string]string
	attempt int
	next    uint64
	final   bool
}

// modelGroup is a group of several slots, with what they share.
type modelGroup struct {
	slots [len(units)]modelSlot
	ver   uint64
	// stVer is the source's version that came with the latest chunk of a migration.
	stVer map[uint64]uint64
}

// units are what is handed over, each with two slots, and two keys in the first of them.
var units = [...]unit{newUnit("a"), newUnit("b"), newUnit("c")}

type unit struct {
	slot   slot.ID
	ranges []slot.Range
	keys   []string
}

func newUnit(tag string) unit {
	s := slot.Of([]byte(tag))
	return unit{s, []slot.Range{{First: s, Last: s + 1}}, []string{tag, "{" + tag + "}2"}}
}

var attempts = []entry.Attempt{{}, {Incarnation: 3, Counter: 1}, {Incarnation: 3, Counter: 2}, {Incarnation: 9, Counter: 1}, {Incarnation: 9, Counter: 2}, {Incarnation: 9, Counter: 7}}

// modelRecord is a record of the model: of which units, and for a chunk what of which unit.
type modelRecord struct {
	kind    entry.Kind
	id      uint64
	units   []int
	attempt int
	seq     uint64
	final   bool
	ver     uint64
	unit    int
	all     map[string]string // a capture: all keys of the unit
	one     string            // an effect: one key, set to the value
	value   string
}

// apply is the model's, for a group of several slots: a record that begins a hand-over does so for all its slots or for none.
func (g *modelGroup) apply(r modelRecord) {
	begins := func(want store.SlotState) bool {
		for _, u := range r.units {
			if f := &g.slots[u]; f.st != want || r.id <= f.ended {
				return false
			}
		}
		return true
	}
	each := func(from store.SlotState, fn func(*modelSlot)) (any bool) {
		for _, u := range r.units {
			if f := &g.slots[u]; f.st == from && f.id == r.id {
				fn(f)
				any = true
			}
		}
		return any
	}
	switch r.kind {
	case entry.KindFreeze:
		if begins(store.SlotOwned) {
			for _, u := range r.units {
				g.slots[u].st, g.slots[u].id = store.SlotFrozen, r.id
			}
		}
	case entry.KindUnfreeze:
		each(store.SlotFrozen, func(f *modelSlot) { f.st, f.ended = store.SlotOwned, max(f.ended, r.id) })
	case entry.KindDrop:
		each(store.SlotFrozen, func(f *modelSlot) { f.st, f.ended, f.val = store.SlotNotOwned, max(f.ended, r.id), nil })
	case entry.KindImport:
		if begins(store.SlotNotOwned) {
			for _, u := range r.units {
				g.slots[u] = modelSlot{st: store.SlotImporting, id: r.id, ended: g.slots[u].ended, stage: map[string]string{}}
			}
		}
	case entry.KindChunk:
		each(store.SlotImporting, func(f *modelSlot) { g.chunk(f, r, f == &g.slots[r.unit]) })
	case entry.KindActivate:
		activated := each(store.SlotImporting, func(f *modelSlot) {
			if f.final {
				f.st, f.ended, f.val, f.stage = store.SlotOwned, max(f.ended, r.id), f.stage, nil
			}
		})
		if activated && g.slots[r.units[0]].st == store.SlotOwned {
			g.ver = max(g.ver, g.stVer[r.id]) + 1
		}
	case entry.KindDiscard:
		each(store.SlotImporting, func(f *modelSlot) { f.st, f.ended, f.stage = store.SlotNotOwned, max(f.ended, r.id), nil })
	case entry.KindMigrationEnd:
		for _, u := range r.units {
			if f := &g.slots[u]; f.id != r.id || f.st != store.SlotFrozen && f.st != store.SlotImporting {
				f.ended = max(f.ended, r.id)
			}
		}
	}
}

func (g *modelGroup) chunk(f *modelSlot, r modelRecord, payload bool) {
	if f.final {
		return
	}
	if r.attempt > f.attempt && r.seq == 0 {
		f.attempt, f.next, f.stage = r.attempt, 0, map[string]string{}
	}
	if r.attempt != f.attempt || r.seq != f.next {
		return
	}
	f.next++
	f.final = r.final
	g.stVer[r.id] = r.ver
	switch {
	case !payload:
	case r.all != nil:
		f.stage = maps.Clone(r.all)
	case r.one != "":
		f.stage[r.one] = r.value
	}
}

// record is the product's form of a record.
func (r modelRecord) record(h entry.Header) []byte {
	var ranges []slot.Range
	for _, u := range r.units {
		ranges = append(ranges, units[u].ranges...)
	}
	switch r.kind {
	case entry.KindFreeze:
		return entry.EncodeFreeze(h, entry.Freeze{Migration: r.id, To: 2, Ranges: ranges})
	case entry.KindUnfreeze:
		return entry.EncodeUnfreeze(h, entry.Unfreeze{Migration: r.id})
	case entry.KindDrop:
		return entry.EncodeDrop(h, entry.Drop{Migration: r.id})
	case entry.KindImport:
		return entry.EncodeImport(h, entry.Import{Migration: r.id, From: 1, Ranges: ranges})
	case entry.KindActivate:
		return entry.EncodeActivate(h, entry.Activate{Migration: r.id})
	case entry.KindDiscard:
		return entry.EncodeDiscard(h, entry.Discard{Migration: r.id})
	case entry.KindMigrationEnd:
		return entry.EncodeMigrationEnd(h, entry.MigrationEnd{Migration: r.id, Ranges: ranges})
	}
	part := entry.Part{Slot: units[r.unit].slot}
	if r.all != nil {
		part.Drop = true
		for _, key := range slices.Sorted(maps.Keys(r.all)) {
			part.Items = append(part.Items, item(key, r.all[key]))
		}
	} else if r.one != "" {
		part.Effects = []entry.Effect{{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(r.one), Value: []byte(r.value), Version: r.ver}}
	}
	return entry.EncodeChunk(h, entry.Chunk{Migration: r.id, Attempt: attempts[r.attempt], Sequence: r.seq, Final: r.final, Version: r.ver, Parts: []entry.Part{part}})
}

// modelPair is a group of the model beside a replica.
type modelPair struct {
	modelGroup
	*replica
}

func newModelPair(owns bool) *modelPair {
	p := &modelPair{modelGroup{stVer: map[uint64]uint64{}}, newReplica()}
	p.SetSnapshotPace(PaceFull)
	p.begin()
	if owns {
		p.put(entry.EncodeOwn(p.next(1), []slot.Range{{First: 0, Last: slot.Count - 1}}))
		for u := range p.slots {
			p.slots[u] = modelSlot{st: store.SlotOwned}
		}
	}
	return p
}

func (p *modelPair) begin() {
	p.start(1)
	p.ver += VersionGap
}

// write sets a key of a unit in both, where the group owns it.
func (p *modelPair) write(u int, key, value string) {
	f := &p.slots[u]
	if f.st != store.SlotOwned {
		return
	}
	p.ver++
	val := maps.Clone(f.val)
	if val == nil {
		val = map[string]string{}
	}
	val[key] = value
	f.val = val
	p.set(p.next(1), key, value, 0)
}

// differs tells what the replica has otherwise than the model.
func (p *modelPair) differs() string {
	state := p.State()
	if state.Version != p.ver {
		return fmt.Sprintf("version %d, want %d", state.Version, p.ver)
	}
	open := map[uint64]bool{}
	for u := range p.slots {
		f := &p.slots[u]
		for _, s := range []slot.ID{units[u].slot, units[u].slot + 1} {
			if got := p.state(s); got != f.st {
				return fmt.Sprintf("slot %d of unit %d is in state %d, want %d", s, u, got, f.st)
			}
			if got := state.EndedAt(s); got != f.ended {
				return fmt.Sprintf("migration %d has ended at slot %d of unit %d, want %d", got, s, u, f.ended)
			}
		}
		want := f.val
		if f.st == store.SlotImporting {
			want = f.stage
		}
		got := map[string]string{}
		for key, item := range p.store.Slot(units[u].slot).AllLocked() {
			got[string(key)] = string(item.Value)
		}
		if len(got)+len(want) > 0 && !maps.Equal(got, want) {
			return fmt.Sprintf("unit %d holds %v, want %v", u, got, want)
		}
		if f.st != store.SlotFrozen && f.st != store.SlotImporting {
			continue
		}
		open[f.id] = true
		h, ok := state.Handover(f.id)
		if !ok || f.st == store.SlotFrozen && h.Side != SideSource || f.st == store.SlotImporting && h.Side != SideTarget {
			return fmt.Sprintf("migration %d of unit %d is known as %+v, %v", f.id, u, h, ok)
		}
		if f.st == store.SlotImporting && (h.Attempt != attempts[f.attempt] || h.Next != f.next || h.Final != f.final || f.final && h.FinalVersion != p.stVer[f.id]) {
			return fmt.Sprintf("migration %d of unit %d is known as %+v, want %+v", f.id, u, h, *f)
		}
	}
	if len(open) != len(state.Handovers) {
		return fmt.Sprintf("%d hand-overs are open, want %v", len(state.Handovers), open)
	}
	return ""
}

// restart goes on with a replica that was restored from the snapshot of this one, and wants it to be the same.
func (p *modelPair) restart(t *testing.T) string {
	to := &replica{FSM: restored(t, p.snapshot(t)), index: p.index}
	to.deaf = to.listener.(*deaf)
	to.SetSnapshotPace(PaceFull)
	if !reflect.DeepEqual(to.State(), p.State()) || to.store.Digest() != p.store.Digest() {
		return fmt.Sprintf("restored as %+v, want %+v; digest %x, want %x", to.State(), p.State(), to.store.Digest(), p.store.Digest())
	}
	p.replica = to
	return ""
}

// moment is a snapshot that is not written yet, and what it has to hold.
type moment struct {
	shot   interface{ Release() }
	write  func(*memorySink) error
	state  State
	digest uint64
}

func (p *modelPair) capture(t *testing.T) *moment {
	s, err := p.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	return &moment{s, func(k *memorySink) error { return s.Persist(k) }, p.State(), p.store.Digest()}
}

func (m *moment) check(t *testing.T) string {
	defer m.shot.Release()
	var sink memorySink
	if err := m.write(&sink); err != nil {
		t.Fatal(err)
	}
	if to := restored(t, sink.Bytes()); !reflect.DeepEqual(to.State(), m.state) || to.store.Digest() != m.digest {
		return fmt.Sprintf("the snapshot holds %+v, want %+v; digest %x, want %x", to.State(), m.state, to.store.Digest(), m.digest)
	}
	return ""
}

// Random records of hand-overs, most of them plausible and some late, doubled or never heard of, in two groups that hand units to
// each other: after each record replica and model are the same, also when the replica is restored from a snapshot in
// between, and a snapshot holds the moment it was taken whatever was applied before it was written.
func TestHandOversGoAsInTheModel(t *testing.T) {
	phases := map[string]int{}
	base := rand.Uint64()
	for round := range uint64(6) {
		seed := base + round
		r := rand.New(rand.NewPCG(seed, 5))
		groups := [2]*modelPair{newModelPair(true), newModelPair(false)}
		var old []modelRecord
		var trace []string
		moments := [2]*moment{}
		last := uint64(0)
		for step := range 300 {
			g := r.IntN(2)
			p := groups[g]
			what := ""
			switch n := r.IntN(200); {
			case n < 40:
				u := r.IntN(len(units))
				p.write(u, units[u].keys[r.IntN(2)], fmt.Sprint("v", step))
			case n < 44:
				p.begin()
			case n < 46 && moments[g] == nil:
				what = p.restart(t)
			case n < 48 && moments[g] == nil:
				moments[g] = p.capture(t)
			case n < 56 && moments[g] != nil:
				what = moments[g].check(t)
				moments[g] = nil
			case n < 62:
				h := p.next(1)
				h.Sequence += uint64(1 - 2*r.IntN(2)) // fails the fence
				p.put(modelRecord{kind: entry.KindFreeze, id: last + 1, units: []int{0}}.record(h))
			default:
				rec := nextModelRecord(r, groups, g, &last)
				if len(old) > 0 && r.IntN(5) == 0 {
					rec = old[r.IntN(len(old))]
				}
				trace = append(trace, fmt.Sprintf("group %d: %+v", g, rec))
				old = append(old, rec)
				p.apply(rec)
				p.put(rec.record(p.next(1)))
			}
			if what == "" {
				what = p.differs()
			}
			if what != "" {
				t.Fatalf("seed %d step %d group %d : %s\n%s", seed, step, g, what, strings.Join(trace, "\n"))
			}
			for u := range p.slots {
				phases[fmt.Sprint(p.slots[u].st, p.slots[u].final, p.slots[u].attempt > 1)]++
			}
		}
		for g, m := range moments {
			if m != nil {
				if what := m.check(t); what != "" {
					t.Fatalf("seed %d group %d: %s", seed, g, what)
				}
			}
			if err := groups[g].store.Check(); err != nil {
				t.Fatalf("seed %d group %d: %v", seed, g, err)
			}
		}
	}
	for _, phase := range []string{"0 false false", "1 false false", "1 true true", "2 false false", "3 false false", "3 false true", "3 true true"} {
		if phases[phase] < 20 {
			t.Errorf("phase %q came %d times: the test proves little; all: %v", phase, phases[phase], phases)
		}
	}
}

// nextModelRecord makes a record that may well fit the state of the group.
func nextModelRecord(r *rand.Rand, groups [2]*modelPair, g int, last *uint64) modelRecord {
	u := r.IntN(len(units))
	f := &groups[g].slots[u]
	other := &groups[1-g].slots[u]
	rec := modelRecord{id: f.id, unit: u}
	begin := func(kind entry.Kind) {
		rec.kind = kind
		if rec.id = other.id; rec.id <= f.ended || r.IntN(4) == 0 {
			*last++
			rec.id = *last
		}
	}
	switch f.st {
	case store.SlotOwned:
		begin([]entry.Kind{entry.KindFreeze, entry.KindFreeze, entry.KindMigrationEnd}[r.IntN(3)])
	case store.SlotNotOwned:
		begin([]entry.Kind{entry.KindImport, entry.KindImport, entry.KindMigrationEnd}[r.IntN(3)])
	case store.SlotFrozen:
		rec.kind = []entry.Kind{entry.KindUnfreeze, entry.KindDrop, entry.KindActivate, entry.KindMigrationEnd}[r.IntN(4)]
	case store.SlotImporting:
		rec.kind = entry.KindChunk
		if r.IntN(4) == 0 {
			rec.kind = []entry.Kind{entry.KindActivate, entry.KindActivate, entry.KindDiscard, entry.KindUnfreeze}[r.IntN(4)]
		}
	}
	rec.units = unitsOf(rec.id)
	if !slices.Contains(rec.units, u) {
		rec.unit = rec.units[0]
	}
	rec.attempt, rec.seq = f.attempt, f.next
	switch r.IntN(6) {
	case 0:
		rec.attempt, rec.seq = r.IntN(len(attempts)), 0
	case 1:
		rec.attempt, rec.seq = r.IntN(len(attempts)), uint64(r.IntN(3))
	}
	rec.attempt = max(rec.attempt, 1)
	rec.final = r.IntN(5) == 0
	rec.ver = uint64(r.IntN(1 << 30))
	keys := units[rec.unit].keys
	switch r.IntN(3) {
	case 0:
		rec.all = map[string]string{keys[0]: fmt.Sprint("c", rec.ver)}
	case 1:
		rec.one, rec.value = keys[r.IntN(2)], fmt.Sprint("e", rec.ver)
	}
	return rec
}

// unitsOf is what a migration hands over: each has its units, whoever names it.
func unitsOf(id uint64) []int {
	return [][]int{{0}, {1}, {2}, {0, 1}, {1, 2}, {0, 1, 2}}[id%6]
}
