package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

func apply(s *Store, e entry.Effect) {
	sl := s.Slot(slot.Of(e.Key))
	sl.Lock()
	sl.ApplyLocked(&e)
	sl.Unlock()
}

// get copies what a key holds.
func get(s *Store, key string) (Item, bool) {
	sl := s.Slot(slot.Of([]byte(key)))
	sl.RLock()
	defer sl.RUnlock()
	item, ok := sl.GetLocked([]byte(key))
	if fields, has := sl.FieldsLocked([]byte(key)); has {
		item.Value = fields.AppendPacked(nil)
	}
	item.Value = bytes.Clone(item.Value)
	return item, ok
}

func drop(s *Store, id slot.ID) {
	sl := s.Slot(id)
	sl.Lock()
	sl.DropLocked()
	sl.Unlock()
}

func set(key, value string, expireAt int64, version uint64) entry.Effect {
	return entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte(value), ExpireAt: expireAt, Version: version}
}

func del(key string) entry.Effect { return entry.Effect{Kind: entry.EffectDel, Key: []byte(key)} }

// contents describes everything a store holds.
func contents(s *Store) map[string]string {
	all := map[string]string{}
	for i := range s.slots {
		for key, item := range s.slots[i].AllLocked() {
			all[string(key)] = describe(item)
		}
	}
	return all
}

func describe(item Item) string {
	if item.Type.HasFields() {
		item.Value = pack(unpack(item.Value)) // their order does not count
	}
	return fmt.Sprintf("%d bytes %x type %d expiry %d version %d", len(item.Value), hash64(1, item.Value), item.Type, item.ExpireAt, item.Version)
}

func readSlot(c *Capture, id slot.ID, into map[string]string) {
	captured := c.Slot(id)
	defer captured.Done()
	parts := map[string]map[string]string{}
	for key, item := range captured.All() {
		if item.Part {
			fields := unpack(item.Value)
			maps.Copy(fields, parts[string(key)])
			parts[string(key)] = fields
			item.Value = pack(fields)
		}
		into[string(key)] = describe(item)
	}
}

func unpack(packed []byte) map[string]string {
	fields := map[string]string{}
	for e := range entry.Packed(packed).Entries() {
		fields[string(e.Name)] = string(e.Value)
	}
	return fields
}

func pack(fields map[string]string) []byte {
	packed := entry.AppendPackedLen(nil, len(fields))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		packed = entry.AppendPacked(packed, []byte(name), []byte(fields[name]))
	}
	return packed
}

func mustCheck(t testing.TB, s *Store, seed uint64) {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
}

// model is a plain map beside a store.
type model struct {
	t     testing.TB
	seed  uint64
	r     *rand.Rand
	store *Store
	items map[string]Item
	// slots is how many hash tags the keys have, keys how many each of them has.
	slots, keys int
	version     uint64
	// valueMax bounds most values.
	valueMax int
	// tables counts keys that had a table of fields when they were compared.
	tables int
}

func newModel(t testing.TB, seed uint64, slots, keys, valueMax int) *model {
	return &model{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 1)), store: NewSeeded(seed), items: map[string]Item{}, slots: slots, keys: keys, valueMax: valueMax}
}

func (m *model) key() string { return fmt.Sprintf("{%d}%d", m.r.IntN(m.slots), m.r.IntN(m.keys)) }

func (m *model) value() []byte {
	n := m.r.IntN(m.valueMax) / 60 * 60 // few size classes, so that each has several runs
	switch m.r.IntN(100) {
	case 2, 3, 4, 5:
		n = m.r.IntN(m.valueMax)
	case 0:
		n = m.r.IntN(5000)
	case 1:
		n = m.r.IntN(60_000)
	}
	value := make([]byte, n)
	for i := range value {
		value[i] = byte(m.r.Uint32())
	}
	return value
}

func (m *model) expiry() int64 {
	switch m.r.IntN(4) {
	case 0:
		return int64(1 + m.r.IntN(1000))
	case 1:
		return 1_700_000_000_000 + int64(m.r.IntN(1000))
	}
	return 0
}

// step applies one random effect to both.
func (m *model) step(deletions int) entry.Effect {
	key := m.key()
	old, exists := m.items[key]
	m.version += uint64(1 + m.r.IntN(3))
	e := entry.Effect{Key: []byte(key), Version: m.version}
	switch n := m.r.IntN(100); {
	case n >= deletions/4 && (exists && old.Type.HasFields() || n%8 == 0):
		e = m.stepFields(key, old, exists)
	case n < deletions:
		e.Kind = entry.EffectDel
		delete(m.items, key)
	case n < deletions+10:
		e.Kind, e.ExpireAt = entry.EffectExpire, m.expiry()
		if exists {
			old.ExpireAt, old.Version = e.ExpireAt, e.Version
			m.items[key] = old
		}
	case n < deletions+20:
		e.Kind, e.Value, e.Offset = entry.EffectPatch, m.value(), uint64(m.r.IntN(len(old.Value)+20))
		if exists {
			old.Value, old.Version = entry.Patched(old.Value, int(e.Offset), e.Value), e.Version
			m.items[key] = old
		}
	default:
		e.Kind, e.Value, e.ExpireAt, e.Type = entry.EffectSet, m.value(), m.expiry(), entry.Type(3+m.r.IntN(40))
		m.items[key] = Item{Value: e.Value, ExpireAt: e.ExpireAt, Version: e.Version, Type: e.Type}
	}
	apply(m.store, e)
	return e
}

// stepFields is an effect on a key with fields, as a leader may decide on it. Some keys have few, some have enough for a table.
func (m *model) stepFields(key string, old Item, exists bool) entry.Effect {
	e := entry.Effect{Key: []byte(key), Version: m.version, Type: entry.TypeHash}
	if exists && !old.Type.HasFields() {
		e.Kind = entry.EffectDel
		delete(m.items, key)
		return e
	}
	most := []int{3, 20, 160, 400}[len(key)*7%4]
	fields := unpack(old.Value)
	if exists && m.r.IntN(20) == 0 {
		e.Kind, e.ExpireAt = entry.EffectExpire, m.expiry()
		old.ExpireAt = e.ExpireAt
	} else if m.r.IntN(10) == 0 {
		clear(fields)
		for range m.r.IntN(most) {
			fields[fmt.Sprint("f", m.r.IntN(most))] = string(m.value())
		}
		fields["f"] = "v"
		e.Kind, e.Value, e.ExpireAt = entry.EffectSet, pack(fields), m.expiry()
		old.ExpireAt = e.ExpireAt
	} else if field := fmt.Sprint("f", m.r.IntN(most)); m.r.IntN(5) > 0 || !exists {
		e.Kind, e.Field, e.Value = entry.EffectSetField, []byte(field), m.value()
		fields[field] = string(e.Value)
	} else if delete(fields, field); len(fields) > 0 {
		e.Kind, e.Field = entry.EffectDelField, []byte(field)
		if _, had := unpack(old.Value)[field]; !had {
			e.Version = old.Version // it changes nothing
		}
	} else {
		e.Kind = entry.EffectDel
		delete(m.items, key)
		return e
	}
	m.items[key] = Item{Value: pack(fields), ExpireAt: old.ExpireAt, Version: e.Version, Type: entry.TypeHash}
	return e
}

func (m *model) drop() {
	id := slot.Of([]byte(m.key()))
	drop(m.store, id)
	maps.DeleteFunc(m.items, func(key string, _ Item) bool { return slot.Of([]byte(key)) == id })
}

func (m *model) compare() {
	m.t.Helper()
	mustCheck(m.t, m.store, m.seed)
	want := map[string]string{}
	for key, item := range m.items {
		if fields, ok := m.store.Slot(slot.Of([]byte(key))).FieldsLocked([]byte(key)); ok && fields.table.heap != nil {
			m.tables++
		}
		want[key] = describe(item)
		if got, ok := get(m.store, key); !ok || describe(got) != want[key] {
			m.t.Fatalf("seed %d: key %s: got %v, want %v", m.seed, key, describe(got), want[key])
		}
	}
	if got := contents(m.store); !maps.Equal(got, want) {
		m.t.Fatalf("seed %d: store holds %d keys, want %d with the same content", m.seed, len(got), len(want))
	}
}

// replace loads what the model holds into a fresh store, which takes the place of the old keys.
func (m *model) replace() {
	loaded := m.store.Empty()
	for key, item := range m.items {
		loaded.Slot(slot.Of([]byte(key))).ApplyLocked(&entry.Effect{
			Kind: entry.EffectSet, Key: []byte(key), Value: item.Value, Type: item.Type, ExpireAt: item.ExpireAt, Version: item.Version,
		})
	}
	m.store.Replace(loaded)
}

// Random effects against a plain map, few slots with many keys, with captures that are read while effects, drops,
// replacements and maintenance go on.
func TestStoreAndItsCapturesEqualAPlainMap(t *testing.T) {
	seed := rand.Uint64()
	m := newModel(t, seed, 5, 900, 120)
	m.store.moving.wasteMin = 0
	moved := 0
	ids := map[slot.ID]bool{}
	for i := range m.slots {
		ids[slot.Of(fmt.Appendf(nil, "{%d}", i))] = true
	}
	for round := 0; round < captureRounds || moved == 0 && round < 300; round++ { // some seeds leave few holes
		deletions := []int{5, 40, 79}[round%3]
		c := m.store.Capture()
		want, got := contents(m.store), map[string]string{}
		unread := []slot.ID{}
		for id := range ids {
			unread = append(unread, id)
		}
		if round%4 == 3 {
			unread = unread[:2] // the others are given up unread
		}
		left := map[slot.ID]bool{}
		for _, id := range unread {
			left[id] = true
		}
		for i := range 2500 {
			m.step(deletions)
			switch {
			case i%300 == 7 && m.r.IntN(3) == 0:
				m.drop()
			case i == 700 && round%5 == 0:
				m.replace()
			case i%200 == 0:
				m.store.Maintain(5000)
				if m.store.moving.heap != nil {
					moved++
				}
			case i%500 == 11:
				mustCheck(t, m.store, seed)
			case i%280 == 9 && len(unread) > 0:
				readSlot(c, unread[0], got)
				unread = unread[1:]
			}
		}
		for _, id := range unread {
			readSlot(c, id, got)
		}
		c.Release()
		m.store.Maintain(9000) // the pass may end in a later round
		if m.store.moving.heap != nil {
			moved++
			mustCheck(t, m.store, seed)
		}
		maps.DeleteFunc(want, func(key, _ string) bool { return !left[slot.Of([]byte(key))] })
		if !maps.Equal(got, want) {
			t.Fatalf("seed %d round %d: the capture gave %d keys, want %d with the content of its moment", seed, round, len(got), len(want))
		}
		m.compare()
	}
	if moved == 0 || m.tables == 0 {
		t.Errorf("seed %d: %d passes moved cells while others were written, %d tables of fields were compared", seed, moved, m.tables)
	}
	for key := range m.items {
		apply(m.store, del(key))
	}
	mustCheck(t, m.store, seed)
	if s := m.store; s.Len() != 0 || s.UsedBytes() != 0 || s.Expires() != 0 {
		t.Errorf("an empty store counts %d keys, %d bytes, %d expiries", s.Len(), s.UsedBytes(), s.Expires())
	}
}

func FuzzStoreEqualsAPlainMap(f *testing.F) {
	f.Add(uint64(1), uint8(1), uint16(300), []byte("ssssdpcrm"))
	f.Add(uint64(7), uint8(3), uint16(9), []byte("sdcsrdcmxs"))
	f.Fuzz(func(t *testing.T, seed uint64, slots uint8, keys uint16, script []byte) {
		if len(script) > 200 {
			return
		}
		m := newModel(t, seed, 1+int(slots)%4, 1+int(keys)%500, 90)
		m.store.moving.wasteMin = 0
		var c *Capture
		for _, op := range script {
			switch op % 8 {
			case 0, 1:
				for range 100 {
					m.step(10)
				}
			case 2:
				for range 150 {
					m.step(79)
				}
			case 3:
				m.drop()
			case 4:
				if c != nil {
					c.Release()
				}
				c = m.store.Capture()
			case 5:
				if c != nil {
					readSlot(c, slot.Of([]byte(m.key())), map[string]string{})
					c.Release()
					c = nil
				}
			case 6:
				m.replace()
			case 7:
				m.store.Maintain(10_000)
			}
			mustCheck(t, m.store, seed)
		}
		m.compare()
	})
}

// filler writes keys of 16 bytes without allocating.
type filler struct {
	effect  entry.Effect
	version uint64
}

func newFiller(valueBytes int) *filler {
	return &filler{effect: entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: make([]byte, 16), Value: make([]byte, valueBytes)}, version: 1 << 20}
}

func (f *filler) set(s *Store, n int, expireAt int64) {
	f.version++
	binary.BigEndian.PutUint64(f.effect.Key, uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(f.effect.Key[8:], uint64(n))
	f.effect.Version, f.effect.ExpireAt = f.version, expireAt
	apply(s, f.effect)
}
