package logstore

import (
	"encoding/binary"
	"fmt"

	"github.com/hashicorp/raft"
)

// markBoundary holds the boundary: index, then term, 8 bytes each, little-endian.
const markBoundary = "snapshot boundary"

// placeholderMark is the Extensions of a placeholder.
const placeholderMark = "snapshot boundary, not an entry"

// Boundary is the last entry that the newest snapshot covers. The zero Boundary means that there is no snapshot.
type Boundary struct {
	Index uint64
	Term  uint64
}

// IsPlaceholder reports whether entry is GetLog's answer for a boundary without an entry. It is good for the term
// check of AppendEntries; replicated as an entry it would replace a committed one.
func IsPlaceholder(entry *raft.Log) bool {
	return entry.Type == raft.LogNoop && string(entry.Extensions) == placeholderMark
}

// placeholder answers for an index at which no entry is stored.
//
// The placeholder cannot be shipped in the normal course: a leader reads the entry before first, to name it as Prev,
// and nothing below the boundary is stored where the boundary itself is not. Index 1 has nothing before it, so it gets
// no placeholder; a follower that lacks entry 1 needs the snapshot, whose configuration that entry is.
func (b Boundary) placeholder(index uint64, entry *raft.Log) error {
	if index != b.Index || index <= 1 {
		return raft.ErrLogNotFound
	}
	*entry = raft.Log{Index: b.Index, Term: b.Term, Type: raft.LogNoop, Extensions: []byte(placeholderMark)}
	return nil
}

// Boundary returns the last entry that the newest recorded snapshot covers.
func (l *Log) Boundary() Boundary {
	_, _, boundary := l.state()
	return boundary
}

// RecordBoundary notes durably that a snapshot up to that entry is durable. If the log does not hold that very entry,
// everything at or below it is deleted (Raft §7). It must not go back.
func (l *Log) RecordBoundary(index, term uint64) error {
	err := l.exclusively(func() error { return l.record(Boundary{Index: index, Term: term}, keepSuffix) })
	if err != nil {
		return fmt.Errorf("record snapshot %d of group %d in %s: %w", index, l.cfg.Group, l.cfg.Path, err)
	}
	return nil
}

func (l *Log) record(boundary Boundary, suffix suffixRule) error {
	_, _, old := l.state()
	if boundary.Index < old.Index || boundary.Index == old.Index && boundary.Term != old.Term && old.Index != 0 {
		return fmt.Errorf("it ends at entry %d of term %d, a snapshot up to entry %d of term %d is already here",
			boundary.Index, boundary.Term, old.Index, old.Term)
	}
	if boundary != old {
		value := binary.LittleEndian.AppendUint64(nil, boundary.Index)
		value = binary.LittleEndian.AppendUint64(value, boundary.Term)
		if err := l.backend.SetMark(markBoundary, value); err != nil {
			return &fatalError{err}
		}
	}
	return l.reconcile(boundary, suffix)
}

// suffixRule says what becomes of the entries above a boundary that the log does not agree with.
type suffixRule uint8

const (
	// keepSuffix leaves them to raft, which still counts them in memory and truncates them on the next AppendEntries.
	keepSuffix suffixRule = iota + 1
	// dropSuffix deletes them: raft has not been started yet.
	dropSuffix
)

// reconcile makes the log agree with the boundary: it holds the entry at the boundary, or nothing at or below it.
func (l *Log) reconcile(boundary Boundary, suffix suffixRule) error {
	first, last, _ := l.state()
	if last != 0 && first <= boundary.Index {
		agrees := false
		if boundary.Index <= last {
			var entry raft.Log
			if err := l.GetLog(boundary.Index, &entry); err != nil {
				return &fatalError{err}
			}
			agrees = entry.Term == boundary.Term
		}
		if !agrees {
			end := last
			if suffix == keepSuffix {
				end = min(boundary.Index, last)
			}
			if err := l.backend.Delete(first, end); err != nil {
				return &fatalError{err}
			}
			l.setBounds(end+1, last)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.boundary = boundary
	return nil
}

func (l *Log) loadBoundary() error {
	value, found, err := l.backend.Mark(markBoundary)
	if err != nil || !found {
		return err
	}
	if len(value) != 16 {
		return fmt.Errorf("%s: %s has %d bytes, want 16: %w", l.cfg.Path, markBoundary, len(value), ErrDamaged)
	}
	l.boundary = Boundary{Index: binary.LittleEndian.Uint64(value), Term: binary.LittleEndian.Uint64(value[8:])}
	return nil
}
