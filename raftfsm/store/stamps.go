package store

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
)

// A portion of stamps is what a leader tells its followers of the uses that only it sees: for some slots, the keys that
// were used, each by a piece of its hash, in ascending order.
//
//	kind 1 | base 4 | runs: slot uvarint | bits 1 | entries: gap+1 uvarint | age uvarint | [counter 1] | 0
//
// base is the sender's clock (Access under LRU, minutes under LFU, little-endian), ages count back from it. A piece is the last
// bits of the hash, reversed, and the tag: in this order a scan meets the segments of a slot. The counter stands under LFU.

// StampKind says how access stamps are read. The numbers stand in portions: they are never reused.
type StampKind uint8

const (
	// StampsLRU are clocks.
	StampsLRU StampKind = 1
	// StampsLFU are counters.
	StampsLFU StampKind = 2
)

const (
	stampsHeadBytes = 1 + 4
	// stampPieceSpare is how many bits more than its number of keys a slot needs are sent of a hash, beside the tag of 8:
	// one in 2^16 keys is then taken for another, which for a hint is nothing, and the gap between two keys takes three bytes.
	stampPieceSpare = 8
	stampPieceMax   = 48
	// stampsHoldCells is how many cells are looked at under one hold of a slot's lock: some 50 us.
	stampsHoldCells = 512
	// stampsHoldBytesMax is what the cells of one hold can add to a portion beyond its limit. Only a segment that is longer than
	// any should be, because clients chose its keys, has more: those stamps are left out.
	stampsHoldBytesMax = 16 << 10
	// stampAhead is how far a stamp may be ahead of the clock it is compared with and still count as new: a reader looks
	// at its clock before it stamps.
	stampAhead = 60
)

// age is how far a stamp lies behind the clock base, both in the units of the kind.
func (k StampKind) age(base, a Access) Access {
	mask := k.clockMask()
	if age := (base - a) & mask; age <= mask-stampAhead {
		return age
	}
	return 0
}

func (k StampKind) clockMask() Access {
	if k == StampsLFU {
		return 0xffff
	}
	return accessMask
}

// clock is now, in milliseconds since the Unix epoch, in the units of the kind.
func (k StampKind) clock(now int64) Access {
	if k == StampsLFU {
		return lfuMinutes(now)
	}
	return LRU(now)
}

// part is the clock of a stamp.
func (k StampKind) part(a Access) Access {
	if k == StampsLFU {
		return a >> 8
	}
	return a
}

// stampPiece is what stands for a key in a portion.
func stampPiece(hash uint64, n int) uint64 { return bits.Reverse64(hash)>>(64-n)<<8 | hash>>56 }

// stampPieceBits is how many bits of the hashes of a slot's keys are sent. All segments' prefixes are among them.
func (sl *Slot) stampPieceBits() int {
	return min(max(bits.Len(uint(sl.LenLocked()))+stampPieceSpare, sl.depth()), stampPieceMax)
}

// StampPass goes round the slots again and again and gives the stamps that changed since it came by last. One goroutine
// uses it.
type StampPass struct {
	store    *Store
	kind     StampKind
	volatile bool

	// slot and cursor are where the next portion begins.
	slot   slot.ID
	cursor uint64
	// visit is the clock when the visit of slot began, since that of the visit before, for each slot.
	visit Access
	since [slot.Count]Access
	// whole is how many slots from here on give all their stamps.
	whole   int
	scratch []stampEntry
}

type stampEntry struct {
	piece  uint64
	access Access
}

// NewStampPass begins a pass whose first round gives all stamps; with volatileOnly those of keys that have an expiry.
func NewStampPass(s *Store, kind StampKind, volatileOnly bool) *StampPass {
	return &StampPass{store: s, kind: kind, volatile: volatileOnly, whole: slot.Count}
}

// Again makes the next round give all stamps, for a follower that missed some.
func (p *StampPass) Again() { p.whole = slot.Count + 1 } // what is left of this slot, and then all

// Next appends a portion to dst, with which it has gone through slots slots or has added bytesMax, and up to 16 KiB more. It
// returns dst as it was where nothing changed. visited is how many slots it has finished, ended whether the last of all
// was among them.
func (p *StampPass) Next(dst []byte, now int64, slots, bytesMax int) (portion []byte, visited int, ended bool) {
	base := p.kind.clock(now)
	begin := len(dst)
	dst = append(dst, byte(p.kind))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(base))
	bytesMax += len(dst)
	for visited < slots && len(dst) < bytesMax && !ended {
		var done bool
		if dst, done = p.run(dst, base, bytesMax); !done {
			continue
		}
		visited++
		p.whole = max(p.whole-1, 0)
		p.since[p.slot] = p.visit
		p.slot = (p.slot + 1) % slot.Count
		ended = p.slot == 0
	}
	if len(dst) == begin+stampsHeadBytes {
		dst = dst[:begin]
	}
	return dst, visited, ended
}

// run appends what changed in the rest of the current slot; done is false where bytesMax ended it.
func (p *StampPass) run(dst []byte, base Access, bytesMax int) (_ []byte, done bool) {
	if p.cursor == 0 {
		p.visit = base
	}
	sl := &p.store.slots[p.slot]
	if p.store.counts[p.slot].keys() == 0 {
		p.cursor = 0
		return dst, true
	}
	sl.RLock()
	n := sl.stampPieceBits()
	sl.RUnlock()
	begin := len(dst)
	dst = binary.AppendUvarint(dst, uint64(p.slot))
	dst = append(dst, byte(n))
	head := len(dst)
	next := uint64(0) // the lowest piece that was not passed yet
	for {
		p.collect(sl, base, n)
		for _, e := range p.scratch {
			if e.piece < next || len(dst) >= bytesMax+stampsHoldBytesMax { // of a segment that was joined to one that was sent
				continue
			}
			dst = binary.AppendUvarint(dst, e.piece-next+1)
			dst = binary.AppendUvarint(dst, uint64(p.kind.age(base, p.kind.part(e.access))))
			if p.kind == StampsLFU {
				dst = append(dst, byte(e.access))
			}
			next = e.piece
		}
		if p.cursor == 0 || len(dst) >= bytesMax {
			break
		}
	}
	if len(dst) == head {
		return dst[:begin], p.cursor == 0
	}
	return append(dst, 0), p.cursor == 0
}

// collect moves the cursor over some segments and leaves in scratch those of their cells that changed, in order.
func (p *StampPass) collect(sl *Slot, base Access, n int) {
	p.scratch = p.scratch[:0]
	sl.RLock()
	defer sl.RUnlock()
	if len(sl.dir) == 0 {
		p.cursor = 0
		return
	}
	for looked := 0; looked < stampsHoldCells; {
		g := sl.segment(int(p.cursor & uint64(len(sl.dir)-1)))
		count := g.count()
		if !p.volatile || atomic.LoadInt64(g.expiry()) != 0 {
			for i := range count {
				object := sl.heap.Bytes(g.ref(i))
				if access, ok := p.changed(object, base); ok {
					p.scratch = append(p.scratch, stampEntry{stampPiece(p.store.hash(keyOf(object)), n), access})
				}
			}
		}
		looked += max(count, 1)
		if p.cursor = nextCursor(p.cursor, g.depth()); p.cursor == 0 {
			break
		}
	}
	slices.SortFunc(p.scratch, func(a, b stampEntry) int {
		if a.piece < b.piece {
			return -1
		}
		return 1
	})
}

// changed tells whether the stamp of a cell has to be sent. One that is 0 was never set.
func (p *StampPass) changed(object []byte, base Access) (Access, bool) {
	word := atomic.LoadUint32(wordOf(object))
	access := Access(word & accessMask)
	if access == 0 || p.volatile && !expires(object, word) {
		return 0, false
	}
	return access, p.whole > 0 || p.kind.age(base, p.kind.part(access)) <= p.kind.age(base, p.since[p.slot])
}

// expires tells whether a cell with that word has an expiry.
func expires(object []byte, word uint32) bool {
	if word&flagWide != 0 {
		return binary.LittleEndian.Uint64(object[16:]) != 0
	}
	return word&flagExpires != 0
}
