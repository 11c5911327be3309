package store

import "github.com/holtcache/holt/proto/slot"

// ExpiredKeys appends to dst copies of up to limit keys that are expired at now (milliseconds since the Unix epoch),
// looking at slots from `from` on, and returns the slot to go on with; a pass over all slots ends with 0.
// Slots in which nothing can have expired cost one load each.
func (s *Store) ExpiredKeys(dst [][]byte, from slot.ID, now int64, limit int) ([][]byte, slot.ID) {
	for id := from; id < slot.Count; id++ {
		sl := &s.slots[id]
		if next := sl.nextExpiry.Load(); next == 0 || next > now {
			continue
		}
		if len(dst) >= limit {
			return dst, id
		}
		dst = sl.expiredKeys(dst, now, limit)
	}
	return dst, 0
}

// expiredKeys appends the expired keys of one slot, and where it has seen the whole slot, corrects nextExpiry.
// It corrects under the read lock: the writer is shut out, and two readers find the same.
func (sl *Slot) expiredKeys(dst [][]byte, now int64, limit int) [][]byte {
	sl.RLock()
	defer sl.RUnlock()
	earliest := int64(0)
	for key, item := range sl.table {
		if item.ExpireAt == 0 {
			continue
		}
		if earliest == 0 || item.ExpireAt < earliest {
			earliest = item.ExpireAt
		}
		if item.Expired(now) {
			if len(dst) >= limit {
				return dst
			}
			dst = append(dst, []byte(key))
		}
	}
	sl.nextExpiry.Store(earliest)
	return dst
}

// Expires is how many keys of the store have an expiry.
func (s *Store) Expires() int { return int(s.expires.Load()) }
