package model

import (
	"bytes"
	"errors"
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
		return nil, errors.New("no entry is surely committed: a majority of the logs has none of the latest term")
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

// committedIndex is the highest index at which a majority holds an entry of the latest term: its leader has counted it, and
// everything before it is committed with it (Raft §5.4.2).
func committedIndex(logs []Log) uint64 {
	var latest uint64
	for _, l := range logs {
		if n := len(l.Entries); n > 0 {
			latest = max(latest, l.Entries[n-1].Term)
		}
	}
	holders := map[uint64]int{}
	var last uint64
	for _, l := range logs {
		for i := len(l.Entries) - 1; i >= 0 && l.Entries[i].Term == latest; i-- {
			index := l.Entries[i].Index
			if holders[index]++; holders[index] > len(logs)/2 {
				last = max(last, index)
			}
		}
	}
	return last
}
