package ops

import (
	"math/bits"

	"github.com/holtcache/holt/proto/apierr"
)

// ErrBitOffset means that a bit lies outside of what a value may hold.
var ErrBitOffset = apierr.New(apierr.KindInvalid, "bit offset is not an integer or out of range")

// bitAt returns a bit of a value, which has zeros beyond its end; the first bit is the highest of the first byte.
func bitAt(value []byte, offset uint64) int {
	if offset>>3 >= uint64(len(value)) {
		return 0
	}
	return int(value[offset>>3]>>(7-offset&7)) & 1
}

// GetBit returns a bit of a value (redis.io/commands/getbit).
func GetBit(r Reader, key []byte, offset uint64) (int, error) {
	item, _, err := getString(r, key)
	return bitAt(item.Value, offset), err
}

// SetBit changes a bit of a value, which grows as far as that needs, and returns what it was. The key keeps its expiry
// (redis.io/commands/setbit).
func SetBit(tx Tx, limits Limits, key []byte, offset uint64, bit int) (int, error) {
	item, ok, err := getString(tx, key)
	if err != nil {
		return 0, err
	}
	at, old := offset>>3, bitAt(item.Value, offset)
	if ok && old == bit && at < uint64(len(item.Value)) {
		return old, nil
	}
	if at >= uint64(limits.ValueBytesMax) {
		return 0, ErrBitOffset
	}
	part := []byte{0}
	if at < uint64(len(item.Value)) {
		part[0] = item.Value[at]
	}
	mask := byte(1) << (7 - offset&7)
	if part[0] &^= mask; bit != 0 {
		part[0] |= mask
	}
	_, err = write(tx, limits, key, item.Value, int(at), part, item.ExpireAt)
	return old, err
}

// BitRange is a part of a value, from Start to End, both included, in bytes or in bits; negative positions count from
// the end.
type BitRange struct {
	Start, End int64
	InBits     bool
	// Open tells that the part reaches to the end of the value, and that there are zeros behind it. End does not count.
	Open bool
}

// WholeValue is the range of all bits.
var WholeValue = BitRange{Open: true}

// of returns the first bit of the range in a value of so many bytes, and the one behind the last; none where first >= end.
func (g BitRange) of(length int) (first, end int64) {
	total := int64(length)
	if g.InBits {
		total *= 8
	}
	last := total - 1
	if !g.Open {
		last = min(fromEnd(g.End, total), total-1)
	}
	first = fromEnd(g.Start, total)
	if first > last {
		return 0, 0
	}
	if g.InBits {
		return first, last + 1
	}
	return first * 8, (last + 1) * 8
}

// BitCount counts the bits that are set (redis.io/commands/bitcount).
func BitCount(r Reader, key []byte, part BitRange) (int64, error) {
	item, ok, err := getString(r, key)
	if err != nil || !ok || part.Start < 0 && part.End < 0 && part.Start > part.End {
		return 0, err
	}
	first, end := part.of(len(item.Value))
	count := int64(0)
	for ; first < end; first++ {
		if first&7 == 0 && end-first >= 8 {
			count += int64(bits.OnesCount8(item.Value[first>>3]))
			first += 7
			continue
		}
		count += int64(bitAt(item.Value, uint64(first)))
	}
	return count, nil
}

// BitPos returns the position of the first bit of this kind, -1 where there is none (redis.io/commands/bitpos).
func BitPos(r Reader, key []byte, bit int, part BitRange) (int64, error) {
	item, ok, err := getString(r, key)
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return int64(-bit), nil
	}
	skipped := byte(0) // a byte without such a bit
	if bit == 0 {
		skipped = 0xFF
	}
	first, end := part.of(len(item.Value))
	if first >= end {
		return -1, nil
	}
	for at := first; at < end; at++ {
		if at&7 == 0 && end-at >= 8 && item.Value[at>>3] == skipped {
			at += 7
			continue
		}
		if bitAt(item.Value, uint64(at)) == bit {
			return at, nil
		}
	}
	if bit == 0 && part.Open {
		return end, nil
	}
	return -1, nil
}
