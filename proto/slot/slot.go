// Package slot maps keys to the 16,384 hash slots of Redis Cluster.
//
// It also holds the immutable map from slots to the shards that serve them.
package slot

import "fmt"

// Count is the number of hash slots (Redis Cluster specification, "Key distribution model").
const Count = 16384

// ID is one hash slot, 0 to Count-1.
type ID uint16

// ShardID names a shard: the Raft group that serves a set of slots. Group ids are never reused. 0 means "not set".
type ShardID uint64

// Of returns the slot of a key: CRC16 of its hash tag, or of the whole key where it has none
// (Redis Cluster specification, "Hash tags").
func Of(key []byte) ID { return ID(crc16(hashTag(key)) % Count) }

// hashTag returns what lies between the first '{' and the first '}' after it, or the whole key when there is no such
// pair or nothing between them.
func hashTag(key []byte) []byte {
	for i, c := range key {
		if c != '{' {
			continue
		}
		rest := key[i+1:]
		for j, d := range rest {
			if d == '}' {
				if j == 0 {
					return key
				}
				return rest[:j]
			}
		}
		return key
	}
	return key
}

// Range is the slots from First to Last, both included.
type Range struct{ First, Last ID }

// Contains tells whether the range holds s.
func (r Range) Contains(s ID) bool { return r.First <= s && s <= r.Last }

// Len is the number of slots in the range.
func (r Range) Len() int { return int(r.Last) - int(r.First) + 1 }

// Valid tells whether the range is one of slots that exist, in order.
func (r Range) Valid() bool { return r.First <= r.Last && r.Last < Count }

// String writes the range as Redis does: "0-5460", or "7" for a single slot.
func (r Range) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Split cuts all slots into n contiguous ranges whose lengths differ by at most one, lowest slots first.
// n is between 1 and Count.
func Split(n int) []Range {
	if n < 1 || n > Count {
		panic(fmt.Sprintf("slot.Split(%d): want 1 to %d", n, Count))
	}
	ranges := make([]Range, n)
	for i := range ranges {
		ranges[i] = Range{ID(i * Count / n), ID((i+1)*Count/n - 1)}
	}
	return ranges
}
