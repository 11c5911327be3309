package executor

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// fieldsModel is what the evaluated requests have made of some keys of one slot: fields, or a string.
type fieldsModel map[string]*fieldsOf

type fieldsOf struct {
	fields   map[string]string
	text     string
	expireAt int64
}

// fieldReader is what Tx and View have in common.
type fieldReader interface {
	Kind(key []byte) (entry.Type, bool)
	Field(key, field []byte) ([]byte, bool)
	FieldCount(key []byte) int
	EachField(key []byte, yield func(field, value []byte) bool)
	ScanFields(key []byte, cursor uint64, yield func(field, value []byte)) uint64
	RandomField(key []byte, random func() uint64, name, value []byte) ([]byte, []byte, bool)
	Whole(key []byte) (store.Item, bool)
}

// differs tells in what a reader shows another state of a key than the model.
func (m fieldsModel) differs(r fieldReader, key string, random *rand.Rand) string {
	k := []byte(key)
	want := m[key]
	typ, ok := r.Kind(k)
	switch {
	case ok != (want != nil):
		return fmt.Sprintf("exists %v", ok)
	case !ok:
		return ""
	case (want.fields != nil) != (typ == entry.TypeHash):
		return fmt.Sprintf("type %v", typ)
	}
	whole, _ := r.Whole(k)
	if whole.ExpireAt != want.expireAt {
		return fmt.Sprintf("expiry %d, want %d", whole.ExpireAt, want.expireAt)
	}
	if want.fields == nil {
		if string(whole.Value) != want.text {
			return fmt.Sprintf("value %q, want %q", whole.Value, want.text)
		}
		return ""
	}
	got := map[string]string{}
	for e := range entry.Packed(whole.Value).Entries() {
		got[string(e.Name)] = string(e.Value)
	}
	if !maps.Equal(got, want.fields) || entry.Packed(whole.Value).Len() != len(got) || r.FieldCount(k) != len(got) {
		return fmt.Sprintf("%d fields, %d said, want %d", len(got), r.FieldCount(k), len(want.fields))
	}
	for _, field := range []string{"f0", "f1", "f7", "f150", "nosuch"} {
		value, ok := r.Field(k, []byte(field))
		if w, exists := want.fields[field]; ok != exists || string(value) != w {
			return fmt.Sprintf("field %s: %q, %v", field, value, ok)
		}
	}
	scanned := map[string]string{}
	for cursor, first := uint64(0), true; first || cursor != 0; first = false {
		cursor = r.ScanFields(k, cursor, func(field, value []byte) { scanned[string(field)] = string(value) })
	}
	if !maps.Equal(scanned, want.fields) {
		return fmt.Sprintf("a scan gave %d fields, want %d", len(scanned), len(want.fields))
	}
	if name, value, ok := r.RandomField(k, random.Uint64, nil, nil); !ok || want.fields[string(name)] != string(value) {
		return fmt.Sprintf("a random field %q = %q", name, value)
	}
	return ""
}

// step does one thing to a key, in a transaction and in the model.
func (m fieldsModel) step(tx *Tx, key string, r *rand.Rand) {
	k, now := []byte(key), m[key]
	field := fmt.Sprint("f", r.IntN([]int{2, 8, 200}[len(key)%3]))
	value := fmt.Sprint(r.Uint32())
	switch n := r.IntN(40); {
	case n == 0:
		tx.Delete(k)
		delete(m, key)
	case n == 1:
		tx.Set(k, []byte(value), entry.TypeString, 0)
		m[key] = &fieldsOf{text: value}
	case n == 2:
		fields := map[string]string{}
		for i := range 1 + r.IntN(300) {
			fields[fmt.Sprint("f", i)] = value
		}
		tx.Set(k, packFields(fields), entry.TypeHash, 1<<50)
		m[key] = &fieldsOf{fields: fields, expireAt: 1 << 50}
	case n == 3 && now != nil:
		now.expireAt = 1<<50 + int64(n)
		tx.Expire(k, now.expireAt)
	case n == 4 && r.IntN(5) == 0:
		tx.Flush([]slot.Range{{First: slot.Of(k), Last: slot.Of(k)}})
		clear(m)
	case now != nil && now.fields == nil:
		tx.Delete(k)
		delete(m, key)
	case n < 15:
		had := now != nil && now.fields[field] != ""
		if now == nil {
			return
		}
		if tx.DeleteField(k, []byte(field)) != had {
			panic("deleted otherwise than in the model")
		}
		if delete(now.fields, field); len(now.fields) == 0 {
			delete(m, key)
		}
	default:
		if now == nil {
			now = &fieldsOf{fields: map[string]string{}}
			m[key] = now
		}
		_, had := now.fields[field]
		if tx.SetField(k, entry.TypeHash, []byte(field), []byte(value)) == had {
			panic("set otherwise than in the model")
		}
		now.fields[field] = value
	}
}

func packFields(fields map[string]string) []byte {
	packed := entry.AppendPackedLen(nil, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		packed = entry.AppendPacked(packed, []byte(name), []byte(fields[name]))
	}
	return packed
}

// The goal: whatever is pending, requests and readers see the fields as the requests before have left them, and what is applied in the
// end is the same. The method: random changes of keys of one slot, some in one request, with batches that commit now and then, against
// plain maps; the memory that is reckoned with in advance becomes what the store takes.
func TestPendingFieldsAreSeenAsAMapSeesThem(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	b := newLeader(t, func(c *Config) { c.Limits.BatchBytes = 1 << 12 })
	b.exec.SetEviction(Eviction{Policy: NoEviction, BudgetBytes: 1 << 40})
	keys := []string{"{x}", "{x}1", "{x}22", "{x}333", "{x}4444"}
	s := slot.Of([]byte("{x}"))
	m := fieldsModel{}
	var open []*asked
	for round := range 1500 {
		key := keys[r.IntN(len(keys))]
		wrong := ""
		open = append(open, b.submit(key, func(tx *Tx) {
			for range 1 + r.IntN(4) {
				m.step(tx, key, r)
				if wrong == "" && r.IntN(4) == 0 {
					wrong = m.differs(tx, key, r)
				}
			}
		}))
		b.driver.Step()
		if r.IntN(3) == 0 && len(b.proposed) > 0 {
			b.commit()
			b.driver.Step()
		}
		view := View{over: &b.exec.overlay.slots[s], slot: b.store.Slot(s), now: b.exec.clock.Now(), e: b.exec}
		if other := keys[r.IntN(len(keys))]; wrong == "" && b.exec.queued() == 0 {
			key = other
			view.run(func(v *View) { wrong = m.differs(v, key, r) })
		}
		if wrong != "" {
			t.Fatalf("seed %d, round %d, key %s: %s", seed, round, key, wrong)
		}
	}
	for b.driver.Step(); len(b.proposed) > 0; b.driver.Step() {
		b.commitAll()
	}
	for i, a := range open {
		b.wantApplied(fmt.Sprint("request ", i), a)
	}
	if over := &b.exec.overlay.slots[s]; len(over.keys) != 0 {
		t.Errorf("seed %d: %d keys are left in the overlay", seed, len(over.keys))
	}
	for _, key := range keys {
		stale := View{slot: b.store.Slot(s), now: b.exec.clock.Now(), e: b.exec}
		stale.run(func(v *View) {
			if wrong := m.differs(v, key, r); wrong != "" {
				t.Errorf("seed %d: stored key %s: %s", seed, key, wrong)
			}
		})
	}
	if err := b.store.Check(); err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	if got, want := b.exec.memory.projected.Load(), b.store.UsedBytes(); got != want {
		t.Errorf("seed %d: %d bytes are reckoned with, the store takes %d", seed, got, want)
	}
}

// A field of a large hash costs what a field costs: neither the hash nor its other fields are copied into overlay, batch or log.
func TestFieldOfALargeHashIsChangedAlone(t *testing.T) {
	b := newLeader(t)
	fields := map[string]string{}
	for i := range 50_000 {
		fields[fmt.Sprint("f", i)] = "0123456789"
	}
	b.wantApplied("the hash", b.applySoon(b.submit("h", func(tx *Tx) { tx.Set([]byte("h"), packFields(fields), entry.TypeHash, 0) })))
	a := b.submit("h", func(tx *Tx) {
		tx.SetField([]byte("h"), entry.TypeHash, []byte("f7"), []byte("new"))
		tx.SetField([]byte("h"), entry.TypeHash, []byte("f8"), []byte("new"))
		tx.DeleteField([]byte("h"), []byte("f9"))
	})
	b.driver.Step()
	over := &b.exec.overlay.slots[slot.Of([]byte("h"))]
	if p := over.keys["h"]; p.fields == nil || len(p.fields.changed) != 3 || p.fields.count != 49_999 {
		t.Errorf("the overlay has %+v", p.fields)
	}
	if n := len(b.proposed[0].record); n > 200 {
		t.Errorf("the record of three changes has %d bytes", n)
	}
	_, body, _ := entry.DecodeHeader(b.proposed[0].record)
	var batch entry.Batch
	if err := entry.DecodeBatch(body, &batch); err != nil {
		t.Fatal(err)
	}
	for _, e := range batch.Sections[0].Effects {
		if e.Version != batch.Version {
			t.Errorf("effects of one request have versions %d and %d", e.Version, batch.Version)
		}
	}
	b.commitAll()
	b.wantApplied("the change", a)
}

// applySoon lets a request be evaluated, committed and applied.
func (b *bench) applySoon(a *asked) *asked {
	b.driver.Step()
	b.commitAll()
	return a
}

// A read of a field waits for the pending change of that field, of none other; a read of them all waits for each.
func TestReadWaitsForThePendingFieldsItShows(t *testing.T) {
	b := newLeader(t)
	b.applySoon(b.submit("h", func(tx *Tx) {
		tx.SetField([]byte("h"), entry.TypeHash, []byte("f"), []byte("old"))
		tx.SetField([]byte("h"), entry.TypeHash, []byte("g"), []byte("old"))
	}))
	b.submit("h", func(tx *Tx) { tx.SetField([]byte("h"), entry.TypeHash, []byte("f"), []byte("new")) })
	b.driver.Step()
	read := func(fn func(*View)) error { return b.exec.Read(gone, slot.Of([]byte("h")), ReadLease, fn) }
	var got []byte
	if err := read(func(v *View) {
		v.Kind([]byte("h"))
		value, _ := v.Field([]byte("h"), []byte("g"))
		got = bytes.Clone(value)
	}); err != nil || string(got) != "old" {
		t.Errorf("a field that does not change: %q, %v", got, err)
	}
	for name, fn := range map[string]func(*View){
		"the field":    func(v *View) { v.Field([]byte("h"), []byte("f")) },
		"the number":   func(v *View) { v.FieldCount([]byte("h")) },
		"all fields":   func(v *View) { v.EachField([]byte("h"), func(_, _ []byte) bool { return true }) },
		"a scan":       func(v *View) { v.ScanFields([]byte("h"), 0, func(_, _ []byte) {}) },
		"the whole":    func(v *View) { v.Whole([]byte("h")) },
		"a random one": func(v *View) { v.RandomField([]byte("h"), rand.Uint64, nil, nil) },
		"the key":      func(v *View) { v.Get([]byte("h")) },
	} {
		if read(fn) == nil {
			t.Errorf("%s was shown before it was committed", name)
		}
	}
	b.commitAll()
	if err := b.exec.Read(context.Background(), slot.Of([]byte("h")), ReadLease, func(v *View) {
		value, _ := v.Field([]byte("h"), []byte("f"))
		got = bytes.Clone(value)
	}); err != nil || string(got) != "new" {
		t.Errorf("after the commit: %q, %v", got, err)
	}
	b.submit("n", func(tx *Tx) { tx.SetField([]byte("n"), entry.TypeHash, []byte("f"), nil) })
	b.driver.Step()
	if b.exec.Read(gone, slot.Of([]byte("n")), ReadLease, func(v *View) { v.Kind([]byte("n")) }) == nil {
		t.Error("a key that is being made was shown before it was committed")
	}
	b.commitAll()
}
