package entry

import "github.com/holtcache/holt/proto/slot"

// Type is the type tag of a value. The numbers stand on disk: they are never reused.
type Type uint8

const (
	// TypeString is a string of bytes.
	TypeString Type = 1
	// TypeHash is a set of fields with values. Where its value stands whole, it is packed (packed.go).
	TypeHash Type = 2
)

// HasFields tells whether what a key of the type holds is fields rather than one value.
func (t Type) HasFields() bool { return t == TypeHash }

// String is the name that the TYPE command answers.
func (t Type) String() string {
	switch t {
	case TypeString:
		return "string"
	case TypeHash:
		return "hash"
	}
	return "unknown"
}

// EffectKind tells what an effect does. The numbers stand on disk: they are never reused.
type EffectKind uint8

const (
	// EffectSet gives a key a whole new value, type and expiry.
	EffectSet EffectKind = 1
	// EffectPatch overwrites a part of a key's value, which grows where the part reaches past its end.
	EffectPatch EffectKind = 2
	// EffectDel deletes a key.
	EffectDel EffectKind = 3
	// EffectExpire changes the expiry of a key, and nothing else.
	EffectExpire EffectKind = 4
	// EffectDone remembers the result of a request that carries an id. Programs that do not know it stop at it.
	EffectDone EffectKind = 5
	// EffectSetField gives a field of a key a value, and makes the key, of the effect's type and without an expiry, where
	// there is none. Programs that do not know it stop at it.
	EffectSetField EffectKind = 6
	// EffectDelField takes a field out of a key. The key stays: who takes out its last field deletes it by an EffectDel.
	EffectDelField EffectKind = 7
)

// Reason tells why a key went. The numbers stand on disk: they are never reused.
type Reason uint8

const (
	// ReasonDelete is a client's wish.
	ReasonDelete Reason = 1
	// ReasonExpire is the clock.
	ReasonExpire Reason = 2
	// ReasonEvict is memory pressure.
	ReasonEvict Reason = 3
)

// Effect is one change of one key, or the result of a request. Which fields count depends on the kind:
//
//	Set       Value, Type, ExpireAt, Version
//	Patch     Offset, Value (the bytes to write), Version
//	Del       Reason, Version
//	Expire    ExpireAt, Version
//	Done      Client, Sequence, ExpireAt (the end of the id), Value (the result), Version; no Key
//	SetField  Field, Value, Type, Version
//	DelField  Field, Type, Version
//
// The effects that one command has on the fields of a key carry the same version.
type Effect struct {
	Kind   EffectKind
	Type   Type
	Reason Reason
	Key    []byte
	Field  []byte
	Value  []byte
	// ExpireAt is the instant at which the key expires, in milliseconds since the Unix epoch; 0 means never.
	ExpireAt int64
	// Offset is where a patch begins, in bytes from the start of the value.
	Offset uint64
	// Version is the shard's counter at this change. No two commands are given the same one.
	Version uint64
	// Client and Sequence are the id of a request: session.ID.
	Client, Sequence uint64
}

// OnField tells whether the effect is one on a field.
func (e *Effect) OnField() bool { return e.Kind == EffectSetField || e.Kind == EffectDelField }

// Section is the effects of one batch on one slot, in the order in which they apply.
type Section struct {
	Slot    slot.ID
	Effects []Effect
}
