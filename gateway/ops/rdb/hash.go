package rdb

import "github.com/holtcache/holt/raftfsm/entry"

// hashReader collects the fields of a hash that is read.
type hashReader struct {
	seen map[string]struct{}
	// fields is the packed form without its number of fields.
	fields []byte
	name   []byte
	// half tells that name waits for its value.
	half bool
}

// add takes the next name or value. false: the name came before.
func (h *hashReader) add(text []byte) bool {
	if !h.half {
		h.name, h.half = text, true
		_, twice := h.seen[string(text)]
		h.seen[string(text)] = struct{}{}
		return !twice
	}
	h.fields, h.half = entry.AppendPacked(h.fields, h.name, text), false
	return true
}

// collect takes names and values until next gives no more. A hash without fields is none (Redis, rdb.c, emptykey).
func (r *reader) collect(next func() (text []byte, more bool)) []byte {
	h := hashReader{seen: map[string]struct{}{}}
	for {
		text, more := next()
		if r.bad || !more {
			break
		}
		if !h.add(text) {
			r.bad = true
			return nil
		}
		if len(h.fields) > r.bytesMax {
			r.bad, r.large = true, true
			return nil
		}
	}
	if h.half || len(h.seen) == 0 {
		r.bad = true
	}
	if r.bad {
		return nil
	}
	return append(entry.AppendPackedLen(make([]byte, 0, len(h.fields)+9), len(h.seen)), h.fields...)
}

// hash reads fields one after the other.
func (r *reader) hash() []byte {
	n, packed := r.length()
	if packed || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	left := 2 * n
	return r.collect(func() ([]byte, bool) {
		if left == 0 {
			return nil, false
		}
		left--
		return r.string(), true
	})
}

// packedHash reads a string that is a list of names and values.
func (r *reader) packedHash(of func(*reader) []byte) []byte {
	list := reader{rest: r.string(), bytesMax: r.bytesMax, bad: r.bad, large: r.large}
	value := of(&list)
	r.bad, r.large = list.bad, list.large
	return value
}
