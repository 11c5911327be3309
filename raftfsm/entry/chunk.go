package entry

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/holtcache/holt/proto/slot"
)

// Attempt names one stream of chunks: each time a source begins to send, it takes a new one. Later ones are larger.
type Attempt struct {
	// Incarnation is that of the source, Counter counts the streams that were begun in it.
	Incarnation, Counter uint64
}

// After tells whether a is a later attempt than b.
func (a Attempt) After(b Attempt) bool {
	return a.Incarnation > b.Incarnation || a.Incarnation == b.Incarnation && a.Counter > b.Counter
}

// String writes both numbers.
func (a Attempt) String() string { return fmt.Sprintf("%d.%d", a.Incarnation, a.Counter) }

// Chunk is the body of KindChunk: what the target takes of the slots at one go.
type Chunk struct {
	Migration uint64
	Attempt   Attempt
	// Sequence counts the chunks of an attempt from 0.
	Sequence uint64
	// Final tells that nothing follows: the source has frozen the slots, and every effect on them has been sent.
	Final bool
	// Version is the source's version counter and Time its clock (milliseconds since the Unix epoch) when it made the chunk.
	Version uint64
	Time    int64
	// Parts apply in order. Several may be of one slot.
	Parts []Part

	// items are those of all parts, one behind the other, where the chunk was decoded to be used again.
	items []Item
}

// Part is what a chunk does to one slot: emptying it, then items, then effects.
type Part struct {
	Slot slot.ID
	// Drop empties the slot first.
	Drop    bool
	Items   []Item
	Effects []Effect
}

// Item is all that a key held when it was copied. It replaces what the target has of the key. Of a key with many fields an
// item has some: they replace those that the target has, and leave the others alone.
type Item struct {
	Key, Value []byte
	Type       Type
	// Part tells that Value has some of the fields.
	Part bool
	// ExpireAt is the instant at which the key expires, in milliseconds since the Unix epoch; 0 means never.
	ExpireAt int64
	Version  uint64
	// Access is the key's access stamp, 24 bits.
	Access uint32
}

// minItemBytes is the length of the shortest item: type, stamp, expiry, version, empty key, empty value.
const minItemBytes = 8

// EncodeChunk makes the record of a chunk.
func EncodeChunk(h Header, c Chunk) []byte {
	dst := appendChunkHead(h, &c, 0)
	for i := range c.Parts {
		dst = AppendPart(dst, &c.Parts[i])
	}
	return appendTrailer(dst, 0)
}

// EncodeChunkOf is EncodeChunk of parts that AppendPart has encoded already; c.Parts does not count.
func EncodeChunkOf(h Header, c Chunk, parts []byte) []byte {
	return appendTrailer(append(appendChunkHead(h, &c, len(parts)), parts...), 0)
}

func appendChunkHead(h Header, c *Chunk, room int) []byte {
	h.Kind = KindChunk
	dst := appendHeader(make([]byte, 0, headerBytes+6*8+1+room+trailerBytes), h)
	for _, n := range [...]uint64{c.Migration, c.Attempt.Incarnation, c.Attempt.Counter, c.Sequence, c.Version, uint64(c.Time)} {
		dst = binary.LittleEndian.AppendUint64(dst, n)
	}
	return appendBool(dst, c.Final)
}

// DecodeChunk reads the body of KindChunk. Keys and values are parts of body.
func DecodeChunk(body []byte) (Chunk, error) {
	var c Chunk
	err := DecodeChunkInto(body, &c)
	c.items = nil
	return c, err
}

// DecodeChunkInto reads the body of KindChunk into c, whose slices are used again. Keys and values are parts of body.
func DecodeChunkInto(body []byte, c *Chunk) error {
	d := NewDecoder(body)
	c.Migration, c.Attempt, c.Sequence = d.Uint64(), Attempt{Incarnation: d.Uint64(), Counter: d.Uint64()}, d.Uint64()
	c.Version, c.Time, c.Final = d.Uint64(), int64(d.Uint64()), d.bool()
	d.bad = d.bad || c.Time < 0
	d.parts(c)
	return d.End("chunk")
}

// DecodePartsInto reads parts to the end of data into c, whose slices are used again. Keys and values are parts of data.
func DecodePartsInto(data []byte, c *Chunk) error {
	d := NewDecoder(data)
	d.parts(c)
	return d.End("parts of a chunk")
}

// itemsKept is for how many items a chunk that is emptied keeps room: those of a full one with values of 64 bytes.
const itemsKept = 4096

// Forget empties a decoded chunk, so that it does not keep the memory that its keys and values are parts of.
func (c *Chunk) Forget() {
	if max(cap(c.items), cap(c.Parts)) > itemsKept {
		*c = Chunk{}
		return
	}
	clear(c.Parts)
	clear(c.items)
	*c = Chunk{Parts: c.Parts[:0], items: c.items[:0]}
}

// AppendPart appends a part to dst. Parts behind each other are what DecodeParts reads.
func AppendPart(dst []byte, p *Part) []byte {
	dst = binary.LittleEndian.AppendUint16(dst, uint16(p.Slot))
	dst = appendBool(dst, p.Drop)
	dst = binary.AppendUvarint(dst, uint64(len(p.Items)))
	for i := range p.Items {
		dst = appendItem(dst, &p.Items[i])
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.Effects)))
	if len(p.Effects) == 0 {
		return dst
	}
	base := uint64(0)
	for i := range p.Effects {
		base = max(base, p.Effects[i].Version)
	}
	dst = binary.AppendUvarint(dst, base)
	return appendEffects(dst, base, p.Effects)
}

// DecodeParts reads parts to the end of data, of which keys and values are parts.
func DecodeParts(data []byte) ([]Part, error) {
	var c Chunk
	err := DecodePartsInto(data, &c)
	return c.Parts, err
}

// PartOf is set in the byte that says the type of an item, here and in snapshots, where Value has some of the key's fields.
const PartOf = 1 << 7

func appendItem(dst []byte, it *Item) []byte {
	typ := byte(it.Type)
	if it.Part {
		typ |= PartOf
	}
	dst = append(dst, typ, byte(it.Access), byte(it.Access>>8), byte(it.Access>>16))
	dst = binary.AppendUvarint(dst, uint64(it.ExpireAt))
	dst = binary.AppendUvarint(dst, it.Version)
	dst = appendBytes(dst, it.Key)
	return appendBytes(dst, it.Value)
}

func (d *Decoder) parts(c *Chunk) {
	parts, items := c.Parts[:0], c.items[:0]
	for d.More() {
		p := Part{Slot: d.Slot(), Drop: d.bool()}
		if n := d.Count(minItemBytes); n > 0 {
			first := len(items)
			for items = slices.Grow(items, n); n > 0 && !d.bad; n-- {
				items = append(items, d.item())
			}
			p.Items = items[first:len(items):len(items)]
		}
		if n := d.Count(minEffectBytes); n > 0 {
			base := d.Uvarint()
			p.Effects = d.effects(make([]Effect, 0, n), base, n)
		}
		parts = append(parts, p)
	}
	c.Parts, c.items = parts, items
}

func (d *Decoder) item() Item {
	it := Item{Type: Type(d.Byte()), Access: uint32(d.Uint16())}
	if (it.Type &^ PartOf).HasFields() {
		it.Part, it.Type = it.Type&PartOf != 0, it.Type&^PartOf
	}
	it.Access |= uint32(d.Byte()) << 16
	it.ExpireAt = int64(d.Uvarint())
	it.Version = d.Uvarint()
	it.Key = d.Bytes()
	it.Value = d.Bytes()
	d.bad = d.bad || it.ExpireAt < 0 || it.Type.HasFields() && CheckPacked(it.Value) != nil
	return it
}
