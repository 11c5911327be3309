package store

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
)

// errStamps says that a portion is not one.
var errStamps = errors.New("malformed portion of access stamps")

// stampsHoldEntries is how many entries are applied under one hold of a slot's lock.
const stampsHoldEntries = 256

// ApplyStamps gives keys the stamps of a portion and returns how many it changed. A key that is not here is passed over, and so
// is a portion of another kind. now bounds the stamps from above, whatever the sender's clock says. Under LRU the newer stamp
// stays, unless it was given up to loaded: then this replica was still loading, which says nothing of uses. Under LFU the
// sender's stays. now and loaded are in milliseconds since the Unix epoch. A portion that turns out to be malformed was applied
// up to there.
func (s *Store) ApplyStamps(portion []byte, kind StampKind, now, loaded int64) (changed int, err error) {
	if len(portion) < stampsHeadBytes || portion[0] != byte(StampsLRU) && portion[0] != byte(StampsLFU) {
		return 0, errStamps
	}
	if StampKind(portion[0]) != kind {
		return 0, nil
	}
	mask := kind.clockMask()
	unit := lruResolution.Milliseconds()
	a := stampApply{store: s, kind: kind, now: kind.clock(now), base: Access(binary.LittleEndian.Uint32(portion[1:]))}
	a.sinceLoaded = now/unit - loaded/unit
	if a.base > mask {
		return 0, errStamps
	}
	if (a.base-a.now)&mask <= mask/2 { // the sender's clock is ahead
		a.base = a.now
	}
	a.rest = portion[stampsHeadBytes:]
	for len(a.rest) > 0 && !a.bad {
		a.run()
	}
	if a.bad {
		return a.changed, errStamps
	}
	return a.changed, nil
}

// stampApply takes a portion apart.
type stampApply struct {
	store     *Store
	kind      StampKind
	now, base Access
	// sinceLoaded is how long ago loading ended, in the units of LRU.
	sinceLoaded int64
	rest        []byte
	changed     int
	bad         bool
}

func (a *stampApply) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(a.rest)
	if n <= 0 || v > limit {
		a.bad = true
		return 0
	}
	a.rest = a.rest[n:]
	return v
}

func (a *stampApply) byte() byte {
	if len(a.rest) == 0 {
		a.bad = true
		return 0
	}
	b := a.rest[0]
	a.rest = a.rest[1:]
	return b
}

func (a *stampApply) run() {
	id := a.uvarint(slot.Count - 1)
	n := int(a.byte())
	if n == 0 || n > stampPieceMax {
		a.bad = true
	}
	if a.bad {
		return
	}
	sl := &a.store.slots[id]
	piece, more := uint64(0), true
	for more && !a.bad {
		piece, more = a.hold(sl, n, piece)
	}
}

// hold applies entries of a slot under one hold of its lock, from the piece of the entry before. It returns the last piece,
// and whether more may follow.
func (a *stampApply) hold(sl *Slot, n int, piece uint64) (uint64, bool) {
	sl.RLock()
	defer sl.RUnlock()
	for range stampsHoldEntries {
		top := uint64(1) << (n + 8)
		gap := a.uvarint(top)
		if gap == 0 {
			return 0, false // the end, or malformed
		}
		if piece += gap - 1; piece >= top {
			a.bad = true
			return 0, false
		}
		stamp := a.base - Access(a.uvarint(uint64(a.kind.clockMask())))&a.kind.clockMask()
		stamp &= a.kind.clockMask()
		if a.kind == StampsLFU {
			stamp = stamp<<8 | Access(a.byte())
		}
		if a.bad {
			return 0, false
		}
		a.stamp(sl, n, piece, stamp)
	}
	return piece, true
}

// stamp gives the keys of a piece, of which there is hardly ever more than one, their stamp.
func (a *stampApply) stamp(sl *Slot, n int, piece uint64, stamp Access) {
	if len(sl.dir) == 0 || sl.depth() > n {
		return
	}
	g := sl.segment(int(bits.Reverse64(piece>>8<<(64-n)) & uint64(len(sl.dir)-1)))
	count, tag := g.count(), piece&0xff
	for i := 0; i < count; i += segmentStep {
		for m := g.matches(i, tag); m != 0; m &= m - 1 {
			at := i + firstMatch(m)
			if at >= count {
				break
			}
			object := sl.heap.Bytes(g.ref(at))
			if stampPiece(a.store.hash(keyOf(object)), n) == piece {
				a.merge(wordOf(object), stamp)
			}
		}
	}
}

// merge leaves a stamp alone that a reader changes meanwhile: it is newer.
func (a *stampApply) merge(word *uint32, stamp Access) {
	now := atomic.LoadUint32(word)
	own := Access(now & accessMask)
	keep := own == stamp
	if a.kind == StampsLRU && own != 0 {
		age := a.kind.age(a.now, own)
		keep = keep || age <= a.kind.age(a.now, stamp) && int64(age) < a.sinceLoaded
	}
	if !keep && atomic.CompareAndSwapUint32(word, now, now&^accessMask|uint32(stamp)) {
		a.changed++
	}
}
