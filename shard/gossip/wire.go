package gossip

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// Everything we put on the wire (node metadata, user messages, push/pull state) starts with the same header:
//
//	version byte, kind byte, 8 bytes of the SHA-256 of the cluster id
//
// Strings are a uvarint length and the bytes, numbers are uvarints. A newer version only appends fields, so a reader
// of version v ignores what follows its fields if the message's version is above v, and refuses it otherwise.
const wireVersion = 1

type kind byte

const (
	kindMeta   kind = 1 // one Node, without id, state and since
	kindLeader kind = 2 // one Leader
	kindLeft   kind = 3 // one departure
	kindState  kind = 4 // all leaders, all departures
)

// Limits of the wire. idBytesMax and textBytesMax keep one field from filling a packet.
const (
	idBytesMax   = 64
	textBytesMax = 255
)

var (
	errMalformed = errors.New("malformed gossip message")
	errForeign   = errors.New("gossip message of another cluster")
)

// clusterTag is the part of the cluster id that every message carries.
type clusterTag [8]byte

func tagOf(clusterID string) clusterTag {
	sum := sha256.Sum256([]byte(clusterID))
	return clusterTag(sum[:8])
}

func appendHeader(b []byte, k kind, tag clusterTag) []byte {
	b = append(b, wireVersion, byte(k))
	return append(b, tag[:]...)
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// reader takes a message apart. After the first bad field every further read returns zero; end reports it.
type reader struct {
	rest    []byte
	version byte
	bad     bool
}

// readHeader checks version and cluster, and returns the kind with a reader of what follows.
func readHeader(b []byte, tag clusterTag) (kind, *reader, error) {
	if len(b) < 2+len(tag) || b[0] == 0 {
		return 0, nil, errMalformed
	}
	if clusterTag(b[2:2+len(tag)]) != tag {
		return 0, nil, errForeign
	}
	return kind(b[1]), &reader{rest: b[2+len(tag):], version: b[0]}, nil
}

func (r *reader) uvarint() uint64 {
	if r.bad {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads how many items follow, each of at least itemBytesMin bytes, so that no count allocates more than the
// message could hold.
func (r *reader) count(itemBytesMin, limit int) int {
	n := r.uvarint()
	if n > uint64(limit) || n > uint64(len(r.rest)/itemBytesMin) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) string(valid func(string) bool) string {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) || n > textBytesMax {
		r.bad = true
		return ""
	}
	s := string(r.rest[:n])
	if !valid(s) {
		r.bad = true
		return ""
	}
	r.rest = r.rest[n:]
	return s
}

func (r *reader) end() error {
	if r.bad || (len(r.rest) > 0 && r.version <= wireVersion) {
		return errMalformed
	}
	return nil
}

// validID says whether s may name a node: ids are printed in logs and in CLUSTER NODES.
func validID(s string) bool {
	if len(s) == 0 || len(s) > idBytesMax {
		return false
	}
	for _, c := range []byte(s) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		digit := '0' <= c && c <= '9'
		if !letter && !digit && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func validIDOrEmpty(s string) bool { return s == "" || validID(s) }

// validText says whether s may be an address or a zone: it must not break a line or a field of CLUSTER NODES.
func validText(s string) bool {
	if len(s) > textBytesMax {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == ',' {
			return false
		}
	}
	return true
}
