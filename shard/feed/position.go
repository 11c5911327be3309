package feed

import (
	"encoding/binary"
	"errors"

	"github.com/holtcache/holt/raftfsm/entry"
)

// Position is a place in a shard's log: directly behind an entry. It means the same on every replica.
type Position struct {
	// Index and Term are those of the last entry that lies before it.
	Index, Term uint64
	// Incarnation and Sequence are the fence behind that entry.
	Incarnation, Sequence uint64
	// Version is at most the shard's version counter behind that entry, and at least the version of every change before it.
	Version uint64
	// Done counts the changes of the next entry that lie before it, too.
	Done uint64
}

// pass moves the position behind a record, which is the next one, and tells whether the record was applied.
func (p *Position) pass(r *record) (applied bool) {
	p.Index, p.Term, p.Done = r.index, r.term, 0
	switch {
	case r.header.Kind == 0:
		return false
	case r.header.Kind == entry.KindExecutorStart:
		p.Incarnation, p.Sequence = r.index, 0
		return false
	case !p.lets(r):
		return false
	}
	p.Sequence++
	if r.header.Kind == entry.KindBatch {
		p.Version = max(p.Version, r.batch.Version)
	}
	return true
}

// lets tells whether the fence at the position lets the next record pass.
func (p *Position) lets(r *record) bool {
	return r.header.Incarnation == p.Incarnation && r.header.Sequence == p.Sequence+1
}

// tokenFormat begins each token. Tokens that begin otherwise are of other programs.
const tokenFormat = 1

// Token is the position as bytes that clients keep.
func (p Position) Token() []byte {
	token := append(make([]byte, 0, 32), tokenFormat)
	for _, n := range p.numbers() {
		token = binary.AppendUvarint(token, *n)
	}
	return token
}

func (p *Position) numbers() [6]*uint64 {
	return [6]*uint64{&p.Index, &p.Term, &p.Incarnation, &p.Sequence, &p.Version, &p.Done}
}

var errToken = errors.New("the token is none of this program's")

// ParseToken reads what Token has made.
func ParseToken(token []byte) (p Position, err error) {
	if len(token) == 0 || token[0] != tokenFormat {
		return p, errToken
	}
	rest := token[1:]
	for _, n := range p.numbers() {
		value, length := binary.Uvarint(rest)
		if length <= 0 {
			return Position{}, errToken
		}
		*n, rest = value, rest[length:]
	}
	if len(rest) > 0 {
		return Position{}, errToken
	}
	return p, nil
}
