package logstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const (
	// markTable holds the packed table.
	markTable = "terms and votes"

	tableVersion = 1
)

var errTable = errors.New("the packed table is cut short or too long")

// ballot is the stable state of one group. Invariant: voteTerm and candidate come from one vote.
type ballot struct {
	term      uint64
	voteTerm  uint64
	candidate []byte // never changed in place
}

// table maps groups to their ballots.
type table map[uint64]ballot

func (t table) clone() table { return maps.Clone(t) }

// encode packs the table: version, count, then for each group in order id, term, term of the vote, length of the
// candidate (unsigned varints) and candidate; a CRC32C ends it. The same table is always the same bytes.
func (t table) encode() []byte {
	packed := []byte{tableVersion}
	packed = binary.AppendUvarint(packed, uint64(len(t)))
	for _, id := range slices.Sorted(maps.Keys(t)) {
		b := t[id]
		packed = binary.AppendUvarint(packed, id)
		packed = binary.AppendUvarint(packed, b.term)
		packed = binary.AppendUvarint(packed, b.voteTerm)
		packed = binary.AppendUvarint(packed, uint64(len(b.candidate)))
		packed = append(packed, b.candidate...)
	}
	return sealMark(markTable, packed)
}

func decodeTable(sealed []byte) (table, error) {
	packed, ok := openMark(markTable, sealed)
	switch {
	case !ok:
		return nil, errors.New("checksum mismatch")
	case len(packed) == 0:
		return nil, errTable
	case packed[0] != tableVersion:
		return nil, fmt.Errorf("version %d is unknown; use the program that wrote it", packed[0])
	}
	rest := packed[1:]
	number := func() uint64 {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			ok, rest = false, nil
			return 0
		}
		rest = rest[size:]
		return n
	}
	t := table{}
	for count := number(); ok && count > 0; count-- {
		id := number()
		b := ballot{term: number(), voteTerm: number()}
		length := number()
		if !ok || length > uint64(len(rest)) {
			return nil, errTable
		}
		if length > 0 {
			b.candidate = bytes.Clone(rest[:length])
		}
		rest = rest[length:]
		t[id] = b
	}
	if !ok || len(rest) != 0 {
		return nil, errTable
	}
	return t, nil
}
