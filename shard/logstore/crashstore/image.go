package crashstore

import (
	"bytes"
	"maps"

	"github.com/hashicorp/raft"
)

// record is one write to the log: an entry, a deletion, or a mark.
type record struct {
	entry       *raft.Log
	first, last uint64 // to be deleted, if entry is nil and name is empty
	name        string
	value       []byte
}

// image is what a log holds. Entries are never changed once they are in it.
type image struct {
	first, last uint64 // both 0 when there are no entries
	entries     map[uint64]*raft.Log
	marks       map[string][]byte
}

func newImage() *image {
	return &image{entries: map[uint64]*raft.Log{}, marks: map[string][]byte{}}
}

func (m *image) clone() *image {
	return &image{first: m.first, last: m.last, entries: maps.Clone(m.entries), marks: maps.Clone(m.marks)}
}

func (m *image) apply(records []record) {
	for _, r := range records {
		switch {
		case r.entry != nil:
			m.entries[r.entry.Index] = r.entry
			if m.last == 0 {
				m.first = r.entry.Index
			}
			m.last = r.entry.Index
		case r.name != "":
			m.marks[r.name] = r.value
		default:
			m.delete(r.first, r.last)
		}
	}
}

// delete deletes a prefix or a suffix.
func (m *image) delete(first, last uint64) {
	for index := first; index <= last; index++ {
		delete(m.entries, index)
	}
	switch {
	case first <= m.first && last >= m.last:
		m.first, m.last = 0, 0
	case first <= m.first:
		m.first = last + 1
	default:
		m.last = first - 1
	}
}

// copyEntry makes the copy that a disk would make.
func copyEntry(entry *raft.Log) *raft.Log {
	c := *entry
	c.Data = bytes.Clone(entry.Data)
	c.Extensions = bytes.Clone(entry.Extensions)
	return &c
}
