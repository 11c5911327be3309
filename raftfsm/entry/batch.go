package entry

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// Batch is the effects of the requests that were evaluated together. Drops apply before Sections.
type Batch struct {
	// Version is the shard's version counter after the batch. Effects that were composed away may have used
	// versions that no effect here carries.
	Version uint64
	// Drops empties whole ranges of slots.
	Drops []slot.Range
	// Sections holds at most one section per slot.
	Sections []Section

	// effects are those of all sections, one behind the other, where the batch was decoded or built.
	effects []Effect
}

// minEffectBytes is the length of the shortest effect: kind, tag, version and an empty field, of the key of the effect before.
const minEffectBytes = 4

// sameKey in the tag of an effect on a field says that its key is that of the effect before it in the section, and left out.
const sameKey = 1 << 7

// AppendBatch appends the record of a batch to dst.
func AppendBatch(dst []byte, h Header, b *Batch) []byte {
	h.Kind = KindBatch
	start := len(dst)
	dst = appendHeader(dst, h)
	dst = binary.LittleEndian.AppendUint64(dst, b.Version)
	dst = appendRanges(dst, b.Drops)
	dst = binary.AppendUvarint(dst, uint64(len(b.Sections)))
	for i := range b.Sections {
		s := &b.Sections[i]
		dst = binary.LittleEndian.AppendUint16(dst, uint16(s.Slot))
		dst = binary.AppendUvarint(dst, uint64(len(s.Effects)))
		dst = appendEffects(dst, b.Version, s.Effects)
	}
	return appendTrailer(dst, start)
}

func appendEffects(dst []byte, base uint64, effects []Effect) []byte {
	for i := range effects {
		e := &effects[i]
		same := i > 0 && e.OnField() && bytes.Equal(e.Key, effects[i-1].Key) && effects[i-1].Kind != EffectDone
		dst = appendEffect(dst, base, e, same)
	}
	return dst
}

// appendEffect writes versions as distance from the batch's: they are close, so they are short.
func appendEffect(dst []byte, base uint64, e *Effect, same bool) []byte {
	if same {
		dst = append(dst, byte(e.Kind), byte(e.Type)|sameKey)
	} else {
		dst = append(dst, byte(e.Kind), byte(e.Type)|byte(e.Reason))
		dst = appendBytes(dst, e.Key)
	}
	dst = binary.AppendUvarint(dst, base-e.Version)
	switch e.Kind {
	case EffectSet:
		dst = binary.AppendUvarint(dst, uint64(e.ExpireAt))
		dst = appendBytes(dst, e.Value)
	case EffectPatch:
		dst = binary.AppendUvarint(dst, e.Offset)
		dst = appendBytes(dst, e.Value)
	case EffectDel:
		dst = append(dst, 0)
	case EffectExpire:
		dst = binary.AppendUvarint(dst, uint64(e.ExpireAt))
	case EffectDone:
		dst = binary.LittleEndian.AppendUint64(dst, e.Client) // drawn at random: a varint would be longer
		dst = binary.AppendUvarint(dst, e.Sequence)
		dst = binary.AppendUvarint(dst, uint64(e.ExpireAt))
		dst = appendBytes(dst, e.Value)
	case EffectSetField:
		dst = appendBytes(dst, e.Field)
		dst = appendBytes(dst, e.Value)
	case EffectDelField:
		dst = appendBytes(dst, e.Field)
	default:
		panic("entry: effect of an unknown kind")
	}
	return dst
}

// DecodeBatch reads the body of KindBatch into b, whose slices are used again. Keys and values are parts of body.
func DecodeBatch(body []byte, b *Batch) error {
	d := NewDecoder(body)
	b.Version = d.Uint64()
	b.Drops = d.ranges(b.Drops[:0])
	n := d.Count(3)
	b.Sections = slices.Grow(b.Sections[:0], n)
	effects := b.effects[:0]
	for ; n > 0 && !d.bad; n-- {
		s := Section{Slot: d.Slot()}
		first := len(effects)
		effects = d.effects(effects, b.Version, d.Count(minEffectBytes))
		s.Effects = effects[first:len(effects):len(effects)]
		b.Sections = append(b.Sections, s)
	}
	b.effects = effects
	return d.End("batch")
}

// effectsKept is for how many effects a batch that is emptied keeps room.
const effectsKept = 4096

// Forget empties a decoded batch, so that it does not keep the memory that its keys and values are parts of.
func (b *Batch) Forget() {
	if max(cap(b.effects), cap(b.Sections)) > effectsKept {
		*b = Batch{}
		return
	}
	clear(b.Sections)
	clear(b.effects)
	b.Version, b.Drops, b.Sections, b.effects = 0, b.Drops[:0], b.Sections[:0], b.effects[:0]
}

// effects appends n effects of one section.
func (d *Decoder) effects(dst []Effect, base uint64, n int) []Effect {
	for first := len(dst); n > 0 && !d.bad; n-- {
		var before *Effect
		if len(dst) > first {
			before = &dst[len(dst)-1]
		}
		dst = append(dst, d.effect(base, before))
	}
	return dst
}

func (d *Decoder) effect(base uint64, before *Effect) Effect {
	e := Effect{Kind: EffectKind(d.Byte())}
	tag := d.Byte()
	if e.OnField() && tag&sameKey != 0 {
		if tag &^= sameKey; before == nil || before.Kind == EffectDone {
			d.bad = true
			return e
		}
		e.Key = before.Key
	} else {
		e.Key = d.Bytes()
	}
	e.Version = base - d.Uvarint()
	switch e.Kind {
	case EffectSet:
		e.Type = Type(tag)
		e.ExpireAt = int64(d.Uvarint())
		e.Value = d.Bytes()
		d.bad = d.bad || e.Type.HasFields() && CheckPacked(e.Value) != nil
	case EffectPatch:
		e.Type = Type(tag)
		e.Offset = d.Uvarint()
		e.Value = d.Bytes()
	case EffectDel:
		e.Reason = Reason(tag)
		d.bad = d.bad || d.Byte() != 0
	case EffectExpire:
		e.Type = Type(tag)
		e.ExpireAt = int64(d.Uvarint())
	case EffectDone:
		e.Client = d.Uint64()
		e.Sequence = d.Uvarint()
		e.ExpireAt = int64(d.Uvarint())
		e.Value = d.Bytes()
		d.bad = d.bad || tag != 0 || len(e.Key) != 0
	case EffectSetField:
		e.Type = Type(tag)
		e.Field = d.Bytes()
		e.Value = d.Bytes()
		d.bad = d.bad || !e.Type.HasFields()
	case EffectDelField:
		e.Type = Type(tag)
		e.Field = d.Bytes()
		d.bad = d.bad || !e.Type.HasFields()
	default:
		d.bad = true
	}
	d.bad = d.bad || e.Version > base || e.ExpireAt < 0
	return e
}
