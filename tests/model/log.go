package model

import (
	"bytes"
	"errors"
	"slices"
)

// Entry is one entry of a replica's log.
type Entry struct {
	Index, Term uint64
	// Command tells that Data is a record of the shard, and not one of Raft's own.
	Command bool
	Data    []byte
}

// Log is what one replica keeps of one shard's log: entries without a hole, from any index on.
type Log struct {
	Node    string
	Entries []Entry
	// Bases are the replica's snapshots, where its log does not go back to the shard's beginning.
	Bases []Base
}

// CheckLogs is nil if indexes and terms rise in every log of one shard, and the logs agree on every entry that is surely
// committed. These it returns, as far back as any log goes. All replicas have to be there.
func CheckLogs(logs []Log) (committed []Entry, err error) {
	for _, l := range logs {
		if err := checkRising(l); err != nil {
			return nil, err
		}
	}
	last := committedIndex(logs)
	if last == 0 {
		return nil, errors.New("no entry is surely committed: no majority of the logs has one of one term that all later leaders kept")
	}
	known := map[uint64]Entry{}
	by := map[uint64]string{}
	first := last
	for _, l := range logs {
		for _, e := range l.Entries {
			if e.Index > last {
				break
			}
			first = min(first, e.Index)
			other, twice := known[e.Index]
			if twice && (other.Term != e.Term || other.Command != e.Command || !bytes.Equal(other.Data, e.Data)) {
				return nil, violation(Diverged, "committed index %d: %s holds an entry of term %d, %s another one of term %d", e.Index, by[e.Index], other.Term, l.Node, e.Term)
			}
			known[e.Index], by[e.Index] = e, l.Node
		}
	}
	for i := first; i <= last; i++ {
		e, ok := known[i]
		if !ok {
			return nil, violation(Lost, "no log has the committed index %d", i)
		}
		committed = append(committed, e)
	}
	return committed, nil
}

func checkRising(l Log) error {
	for i := 1; i < len(l.Entries); i++ {
		a, b := l.Entries[i-1], l.Entries[i]
		if b.Index != a.Index+1 || b.Term < a.Term {
			return violation(Reordered, "%s: (index %d, term %d) is followed by (index %d, term %d)", l.Node, a.Index, a.Term, b.Index, b.Term)
		}
	}
	return nil
}

// committedIndex is the highest index that is surely committed: a majority holds an entry of one term there, and every log that
// has an entry of a later term holds it too. Nobody without it could lead any more, and whoever was acknowledged anything is
// below: a later term that never reached a majority, such as that of a node which was elected while all were stopped,
// takes nothing back (Raft §5.4.1, §5.4.2).
func committedIndex(logs []Log) uint64 {
	var terms []uint64
	for _, l := range logs {
		for _, e := range l.Entries {
			terms = append(terms, e.Term)
		}
	}
	slices.Sort(terms)
	terms = slices.Compact(terms)
	for _, term := range slices.Backward(terms) {
		for index := highest(logs, term); index > 0 && heldBy(logs, index, term); index-- {
			if keptByLaterTerms(logs, index, term) {
				return index
			}
		}
	}
	return 0
}

// highest is the highest index at which a majority of the logs holds an entry of a term, 0 for none.
func highest(logs []Log, term uint64) (last uint64) {
	for _, l := range logs {
		for _, e := range slices.Backward(l.Entries) {
			if e.Term == term && heldBy(logs, e.Index, term) {
				last = max(last, e.Index)
				break
			}
		}
	}
	return last
}

// heldBy tells whether a majority of the logs holds an entry of a term at an index.
func heldBy(logs []Log, index, term uint64) bool {
	holders := 0
	for _, l := range logs {
		if l.termAt(index) == term {
			holders++
		}
	}
	return holders > len(logs)/2
}

// termAt is the term of the entry at an index, 0 where the log has none.
func (l Log) termAt(index uint64) uint64 {
	if len(l.Entries) == 0 || index < l.Entries[0].Index || index-l.Entries[0].Index >= uint64(len(l.Entries)) {
		return 0
	}
	return l.Entries[index-l.Entries[0].Index].Term
}

// keptByLaterTerms tells whether every log that has an entry of a later term holds the one of that term at an index, or begins
// behind it.
func keptByLaterTerms(logs []Log, index, term uint64) bool {
	for _, l := range logs {
		n := len(l.Entries)
		if n > 0 && l.Entries[n-1].Term > term && l.Entries[0].Index <= index && l.termAt(index) != term {
			return false
		}
	}
	return true
}
