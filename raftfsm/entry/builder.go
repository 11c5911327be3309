package entry

import (
	"encoding/binary"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// Builder collects the effects of one batch and composes those of a key, so that a hot key costs one effect a batch:
//
//	Set and Del replace every earlier effect of the key
//	Patch or Expire after Set become part of the Set
//	Expire after Expire replaces it
//	SetField and DelField replace the last effect on their field, unless that makes the key
//	Expire after Expire on a key whose fields change replaces it, too
//	all else appends, in order
//	Drop removes every earlier effect on its slots and keeps a tombstone in front of the later ones
//	Done is always kept: that a request was applied stays true whatever becomes of its keys
//
// Effects on different fields of a key, and on its expiry, may be applied in any order as long as the key is there: that is why one
// may take the place of an earlier one. Only the first effect on a key that the batch makes, a SetField, has to stay a SetField.
//
// The builder copies keys and values into memory of its own, which later batches do not use again: what refers to it
// (an overlay, a held reply) may keep it.
type Builder struct {
	version  uint64
	drops    []slot.Range
	sections []buildSection
	bySlot   map[slot.ID]int
	// latest finds the last live effect of a key.
	latest map[string]effectRef
	// parts finds the last live effect on a field of a key, and on the expiry of a key with fields, by partName.
	parts map[string]int
	name  []byte // of the part at hand
	arena arena
	live  int
	batch Batch
}

type buildSection struct {
	slot    slot.ID
	effects []buildEffect
}

// buildEffect is an effect and the place of the key's effect before it in the same section, -1 for none.
// A replaced effect has Kind 0.
type buildEffect struct {
	Effect
	previous int
}

type effectRef struct{ section, effect int }

// effectOverheadBytes is what an effect costs beside its key and value: kind, tag, lengths, version, expiry.
const effectOverheadBytes = 20

// doneOverheadBytes is the same for a result, with the id.
const doneOverheadBytes = 36

// NewBuilder returns an empty builder.
func NewBuilder() *Builder {
	return &Builder{bySlot: map[slot.ID]int{}, latest: map[string]effectRef{}, parts: map[string]int{}}
}

// Reset empties the builder for the next batch. The memory of the batch before stays with those who refer to it.
func (b *Builder) Reset() {
	b.version, b.live = 0, 0
	b.drops, b.arena = nil, arena{}
	for i := range b.sections {
		b.sections[i].empty()
	}
	b.sections = b.sections[:0]
	b.batch.Forget()
	clear(b.bySlot)
	clear(b.latest)
	clear(b.parts)
}

// empty lets go of keys and values, and of the room where it is much.
func (s *buildSection) empty() {
	if cap(s.effects) > sectionKept {
		s.effects = nil
	}
	clear(s.effects)
	s.effects = s.effects[:0]
}

// sectionKept is for how many effects a section that is emptied keeps room.
const sectionKept = 64

// Empty tells whether the batch has no effect at all.
func (b *Builder) Empty() bool { return b.live == 0 && len(b.drops) == 0 }

// SizeBytes is about how long the encoded batch will be.
func (b *Builder) SizeBytes() int { return b.live + 4*len(b.drops) }

// ArenaBytes is how much memory the batch has used for keys and values, replaced ones included.
func (b *Builder) ArenaBytes() int { return b.arena.used }

// Copy copies bytes into the memory of the batch.
func (b *Builder) Copy(data []byte) []byte { return b.arena.copy(data) }

// Add composes an effect into the batch. Key, Field and Value must be memory that nobody changes (see Copy).
// Versions never fall from call to call.
func (b *Builder) Add(s slot.ID, e Effect) {
	b.version = e.Version
	i := b.section(s)
	effects := b.sections[i].effects
	if e.Kind == EffectDone {
		b.sections[i].effects = append(effects, buildEffect{Effect: e, previous: -1})
		b.live += doneOverheadBytes + len(e.Value)
		return
	}
	last := -1
	if ref, ok := b.latest[string(e.Key)]; ok {
		last = ref.effect
	}
	switch e.Kind {
	case EffectSet, EffectDel:
		for last >= 0 {
			previous := effects[last].previous
			b.kill(&effects[last])
			last = previous
		}
	case EffectExpire:
		if last >= 0 && (effects[last].Kind == EffectSet || effects[last].Kind == EffectExpire) {
			effects[last].ExpireAt, effects[last].Version = e.ExpireAt, e.Version
			return
		}
	case EffectPatch:
		if last >= 0 && effects[last].Kind == EffectSet {
			set := &effects[last]
			value := Patched(set.Value, int(e.Offset), e.Value)
			b.live += len(value) - len(set.Value)
			set.Value, set.Version = value, e.Version
			return
		}
	}
	if e.isPart() {
		if b.replacePart(effects, &e) {
			return
		}
		b.parts[string(b.name)] = len(effects)
	}
	b.sections[i].effects = append(effects, buildEffect{Effect: e, previous: last})
	b.live += e.sizeBytes()
	b.latest[string(e.Key)] = effectRef{i, len(effects)}
}

// isPart tells whether the effect changes one of the things of a key that change apart from each other.
func (e *Effect) isPart() bool {
	return e.OnField() || e.Kind == EffectExpire && e.Type.HasFields()
}

// replacePart puts an effect into the place of the last one on the same part, if it may stand there. It leaves the part's name
// in b.name.
func (b *Builder) replacePart(effects []buildEffect, e *Effect) bool {
	b.namePart(e)
	at, ok := b.parts[string(b.name)]
	if !ok {
		return false
	}
	old := &effects[at]
	makesKey := old.Kind == EffectSetField && (old.previous < 0 || effects[old.previous].Kind == EffectDel)
	if makesKey && e.Kind == EffectDelField {
		return false
	}
	b.live += e.sizeBytes() - old.sizeBytes()
	old.Effect = *e
	return true
}

// namePart makes the name of what a part effect changes: the key, with its length in front, and behind it the field; without
// either a field or a length for the expiry.
func (b *Builder) namePart(e *Effect) {
	b.name = b.name[:0]
	if e.OnField() {
		b.name = append(binary.AppendUvarint(append(b.name, 'f'), uint64(len(e.Key))), e.Key...)
		b.name = append(b.name, e.Field...)
		return
	}
	b.name = append(append(b.name, 'e'), e.Key...)
}

// sizeBytes is about what an effect adds to a batch.
func (e *Effect) sizeBytes() int {
	return effectOverheadBytes + len(e.Key) + len(e.Field) + len(e.Value)
}

// Patched returns a new value: base with data written over it from offset on, longer where data reaches past its end.
// A gap between the end of base and offset reads as zeros.
func Patched(base []byte, offset int, data []byte) []byte {
	value := make([]byte, max(len(base), offset+len(data)))
	copy(value, base)
	copy(value[offset:], data)
	return value
}

// Drop composes the deletion of whole slots into the batch; version is the counter after it.
func (b *Builder) Drop(ranges []slot.Range, version uint64) {
	b.version = version
	b.drops = slot.Normalize(append(b.drops, ranges...))
	for i := range b.sections {
		section := &b.sections[i]
		if !slices.ContainsFunc(ranges, func(r slot.Range) bool { return r.Contains(section.slot) }) {
			continue
		}
		for j := range section.effects {
			if e := &section.effects[j]; e.Kind != 0 && e.Kind != EffectDone {
				b.kill(e)
				delete(b.latest, string(e.Key))
			}
		}
	}
}

func (b *Builder) kill(e *buildEffect) {
	if e.isPart() {
		b.namePart(&e.Effect)
		delete(b.parts, string(b.name))
	}
	b.live -= e.sizeBytes()
	e.Kind = 0
}

func (b *Builder) section(s slot.ID) int {
	if i, ok := b.bySlot[s]; ok {
		return i
	}
	i := len(b.sections)
	if i < cap(b.sections) {
		b.sections = b.sections[:i+1]
		b.sections[i].slot = s
	} else {
		b.sections = append(b.sections, buildSection{slot: s})
	}
	b.bySlot[s] = i
	return i
}

// Batch returns the composed batch. It is the builder's until Reset.
func (b *Builder) Batch() *Batch {
	sections, effects := b.batch.Sections[:0], b.batch.effects[:0]
	for i := range b.sections {
		first := len(effects)
		for j := range b.sections[i].effects {
			if e := &b.sections[i].effects[j]; e.Kind != 0 {
				effects = append(effects, e.Effect)
			}
		}
		if len(effects) > first {
			sections = append(sections, Section{Slot: b.sections[i].slot, Effects: effects[first:len(effects):len(effects)]})
		}
	}
	b.batch.Version, b.batch.Drops, b.batch.Sections, b.batch.effects = b.version, b.drops, sections, effects
	return &b.batch
}

// arena hands out memory for copies in chunks, so that a batch of small keys costs few allocations.
type arena struct {
	chunk []byte
	used  int
}

const arenaChunkBytes = 16 << 10

func (a *arena) copy(data []byte) []byte {
	n := len(data)
	a.used += n
	if n > arenaChunkBytes/4 {
		return slices.Clone(data)
	}
	if n > cap(a.chunk)-len(a.chunk) {
		a.chunk = make([]byte, 0, arenaChunkBytes)
	}
	start := len(a.chunk)
	a.chunk = append(a.chunk, data...)
	return a.chunk[start : start+n : start+n]
}
