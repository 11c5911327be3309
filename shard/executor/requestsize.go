package executor

import (
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/entry"
)

// RequestBytesMax is the default of Limits.RequestBytes: it leaves room for the largest value, with its key and what else is in the
// batch, in a message between nodes.
const RequestBytesMax = 80 << 20

// effectBytes is what an effect takes beside key and value, at most.
const effectBytes = 64

// checkSize refuses a request whose effects no message between nodes could hold.
func (tx *Tx) checkSize() *apierr.Error {
	limit := tx.e.cfg.Limits.RequestBytes
	tx.alone = tx.sizeBytesMost() > limit
	if !tx.alone {
		return nil
	}
	size := tx.sizeBytesComposed()
	if size <= limit {
		return nil
	}
	return apierr.New(apierr.KindTooLarge, "shard %d: the changes of the request take %d bytes, at most %d fit into one log entry (limit RequestBytes); not applied, make several requests of it", tx.e.cfg.Shard, size, limit)
}

// sizeBytesMost is what the effects take at most, whatever they are composed with. It is much more than they take where parts of a
// large value are written again and again.
func (tx *Tx) sizeBytesMost() (bytes int) {
	for i := range tx.writes {
		w := &tx.writes[i]
		bytes += effectBytes + len(w.effect.Key) + max(len(w.effect.Value), len(w.item.Value))
	}
	return bytes
}

// sizeBytesComposed is what the effects take once those of a key are composed, as entry.Builder does it.
func (tx *Tx) sizeBytesComposed() (bytes int) {
	type held struct {
		bytes int
		set   bool // the last one of the key is a Set, which takes in what follows
	}
	keys := map[string]held{}
	for i := range tx.writes {
		w := &tx.writes[i]
		if w.drop != nil {
			clear(keys) // what other slots hold of it is none of this request's
			continue
		}
		k, own := keys[string(w.effect.Key)], effectBytes+len(w.effect.Key)
		switch {
		case w.effect.Kind == entry.EffectSet || w.effect.Kind == entry.EffectDel:
			k = held{own + len(w.effect.Value), w.effect.Kind == entry.EffectSet}
		case w.effect.Kind == entry.EffectPatch && k.set:
			k.bytes = own + len(w.item.Value)
		case w.effect.Kind == entry.EffectPatch:
			k.bytes += own + len(w.effect.Value)
		case !k.set:
			k.bytes += own
		}
		keys[string(w.effect.Key)] = k
	}
	for _, k := range keys {
		bytes += k.bytes
	}
	return bytes
}
