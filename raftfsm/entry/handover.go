package entry

import (
	"encoding/binary"

	"github.com/holtcache/holt/proto/slot"
)

// The records of a hand-over of slots from one shard, the source, to another, the target. Each names the migration, whose
// ids rise and are never reused.

// Freeze is the body of KindFreeze: the source stops reading and writing the slots.
type Freeze struct {
	Migration uint64
	To        slot.ShardID
	// Ranges are in ascending order and apart from each other, as slot.Normalize makes them; so are all ranges here.
	Ranges []slot.Range
}

// Unfreeze is the body of KindUnfreeze: the migration was aborted, and the source serves its slots again.
type Unfreeze struct{ Migration uint64 }

// Drop is the body of KindDrop: the migration was committed, and the source forgets slots and keys.
type Drop struct{ Migration uint64 }

// Import is the body of KindImport: the target is ready to take chunks of the slots.
type Import struct {
	Migration uint64
	From      slot.ShardID
	Ranges    []slot.Range
}

// Activate is the body of KindActivate: the migration was committed, and the target serves the slots from here on.
type Activate struct{ Migration uint64 }

// Discard is the body of KindDiscard: the migration was aborted, and the target forgets what it took.
type Discard struct{ Migration uint64 }

// MigrationEnd is the body of KindMigrationEnd: a shard that took no part in a migration notes that it is over, so that
// no late record of it begins anything.
type MigrationEnd struct {
	Migration uint64
	Ranges    []slot.Range
}

// EncodeFreeze makes the record by which the source stops serving slots.
func EncodeFreeze(h Header, f Freeze) []byte {
	dst := appendMigration(h, KindFreeze, f.Migration)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(f.To))
	return appendTrailer(appendRanges(dst, slot.Normalize(f.Ranges)), 0)
}

// DecodeFreeze reads the body of KindFreeze.
func DecodeFreeze(body []byte) (Freeze, error) {
	d := NewDecoder(body)
	f := Freeze{Migration: d.Uint64(), To: slot.ShardID(d.Uint64()), Ranges: d.normalRanges()}
	return f, d.End("freeze")
}

// EncodeUnfreeze makes the record by which the source serves slots again.
func EncodeUnfreeze(h Header, u Unfreeze) []byte {
	return appendTrailer(appendMigration(h, KindUnfreeze, u.Migration), 0)
}

// DecodeUnfreeze reads the body of KindUnfreeze.
func DecodeUnfreeze(body []byte) (Unfreeze, error) {
	id, err := decodeMigration(body, "unfreeze")
	return Unfreeze{id}, err
}

// EncodeDrop makes the record by which the source forgets slots.
func EncodeDrop(h Header, x Drop) []byte {
	return appendTrailer(appendMigration(h, KindDrop, x.Migration), 0)
}

// DecodeDrop reads the body of KindDrop.
func DecodeDrop(body []byte) (Drop, error) {
	id, err := decodeMigration(body, "drop")
	return Drop{id}, err
}

// EncodeImport makes the record by which the target begins to take slots.
func EncodeImport(h Header, i Import) []byte {
	dst := appendMigration(h, KindImport, i.Migration)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(i.From))
	return appendTrailer(appendRanges(dst, slot.Normalize(i.Ranges)), 0)
}

// DecodeImport reads the body of KindImport.
func DecodeImport(body []byte) (Import, error) {
	d := NewDecoder(body)
	i := Import{Migration: d.Uint64(), From: slot.ShardID(d.Uint64()), Ranges: d.normalRanges()}
	return i, d.End("import")
}

// EncodeActivate makes the record by which the target begins to serve slots.
func EncodeActivate(h Header, a Activate) []byte {
	return appendTrailer(appendMigration(h, KindActivate, a.Migration), 0)
}

// DecodeActivate reads the body of KindActivate.
func DecodeActivate(body []byte) (Activate, error) {
	id, err := decodeMigration(body, "activate")
	return Activate{id}, err
}

// EncodeDiscard makes the record by which the target gives up what it took.
func EncodeDiscard(h Header, x Discard) []byte {
	return appendTrailer(appendMigration(h, KindDiscard, x.Migration), 0)
}

// DecodeDiscard reads the body of KindDiscard.
func DecodeDiscard(body []byte) (Discard, error) {
	id, err := decodeMigration(body, "discard")
	return Discard{id}, err
}

// EncodeMigrationEnd makes the record by which a shard that took no part notes the end of a migration.
func EncodeMigrationEnd(h Header, m MigrationEnd) []byte {
	dst := appendMigration(h, KindMigrationEnd, m.Migration)
	return appendTrailer(appendRanges(dst, slot.Normalize(m.Ranges)), 0)
}

// DecodeMigrationEnd reads the body of KindMigrationEnd.
func DecodeMigrationEnd(body []byte) (MigrationEnd, error) {
	d := NewDecoder(body)
	m := MigrationEnd{Migration: d.Uint64(), Ranges: d.normalRanges()}
	return m, d.End("migration end")
}

func appendMigration(h Header, kind Kind, migration uint64) []byte {
	h.Kind = kind
	return binary.LittleEndian.AppendUint64(appendHeader(nil, h), migration)
}

func decodeMigration(body []byte, what string) (uint64, error) {
	d := NewDecoder(body)
	id := d.Uint64()
	return id, d.End(what)
}
