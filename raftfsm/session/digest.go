package session

import (
	"encoding/binary"
	"hash/fnv"

	"github.com/holtcache/holt/proto/slot"
)

// Digest is a number that tables with the same results have, those left out whose end has passed by now. Nobody may write
// meanwhile.
func (t *Table) Digest(now int64) uint64 {
	sum := fnv.New64a()
	var live []Done
	var head [2 + 4*8]byte
	for s := range slot.ID(slot.Count) {
		live = t.AppendLocked(live[:0], s, now)
		for _, d := range live {
			binary.LittleEndian.PutUint16(head[0:], uint16(s))
			binary.LittleEndian.PutUint64(head[2:], d.ID.Client)
			binary.LittleEndian.PutUint64(head[10:], d.ID.Sequence)
			binary.LittleEndian.PutUint64(head[18:], uint64(d.Until))
			binary.LittleEndian.PutUint64(head[26:], uint64(len(d.Result)))
			_, _ = sum.Write(head[:]) // never fails
			_, _ = sum.Write(d.Result)
		}
	}
	return sum.Sum64()
}
