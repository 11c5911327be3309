package logstore

import (
	"errors"
	"fmt"
	"sync"
)

// stableKind is what the file says that it holds.
const stableKind = "stable store, format 1"

// Stable keeps term and vote of all groups of a node, and a few small marks of the node itself, in one file. Everything
// is fsynced before a call returns, under every sync policy: a lost vote is a second vote.
type Stable struct {
	name  string
	marks Marks
	fatal func(error)

	wake chan struct{} // tells the committer that something is pending; never closed
	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex // protects the fields below; never held across I/O
	table   table      // what is durable
	pending []*change
	// lives counts how often a group was forgotten: a handle from an earlier life must not bring it back.
	// Written by the committer.
	lives   map[uint64]uint64
	stopped error // why new writes are refused: wraps ErrFatal or ErrClosed
	failed  error // the write error, if there was one; refuses what was pending behind it too
	stats   StableStats
}

// StableStats counts what a stable store did since it was opened.
type StableStats struct {
	Changes uint64 // terms, votes, marks and forgotten groups that became durable
	Commits uint64 // transactions they took; at most one for each change
}

// OpenStable opens the file, or creates it. fatal hears once of a write error and must stop the process; it must not
// call the store.
func OpenStable(path string, fatal func(error)) (*Stable, error) {
	s, err := openStableFile(path, fatal)
	if err != nil {
		return nil, fmt.Errorf("open stable store: %w", err)
	}
	return s, nil
}

func openStableFile(path string, fatal func(error)) (*Stable, error) {
	var s *Stable
	err := catchFaults(path, func() error {
		file, err := openBolt(path, stableKind, 0, map[string][]byte{markTable: table{}.encode()})
		if err != nil {
			return err
		}
		if _, found, err := file.Mark(markTable); err != nil || !found {
			return errors.Join(fmt.Errorf("%s: terms and votes are missing: %w", path, ErrDamaged), err, file.Close())
		}
		if s, err = NewStable(path, file, fatal); err != nil {
			return errors.Join(err, file.Close())
		}
		return nil
	})
	return s, err
}

// NewStable opens a stable store on marks, which it closes. The name stands for the file in errors.
func NewStable(name string, marks Marks, fatal func(error)) (*Stable, error) {
	if fatal == nil {
		return nil, fmt.Errorf("%s: fatal is not set; pass what stops the process", name)
	}
	packed, found, err := marks.Mark(markTable)
	if err != nil {
		return nil, err
	}
	durable := table{}
	if found {
		if durable, err = decodeTable(packed); err != nil {
			return nil, fmt.Errorf("%s: terms and votes: %w: %w", name, err, ErrDamaged)
		}
	}
	s := &Stable{
		name:  name,
		marks: marks,
		fatal: fatal,
		wake:  make(chan struct{}, 1),
		quit:  make(chan struct{}),
		done:  make(chan struct{}),
		table: durable,
		lives: map[uint64]uint64{},
	}
	go s.commitAll()
	return s, nil
}

// Forget deletes term and vote of a group whose replica has left this node. Handles that Group gave out before
// are refused from then on.
func (s *Stable) Forget(id uint64) error {
	err := s.commit(&change{apply: func(t table) error {
		delete(t, id)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lives[id]++
		return nil
	}})
	if err != nil {
		return fmt.Errorf("forget group %d in %s: %w", id, s.name, err)
	}
	return nil
}

// Stats returns the counters.
func (s *Stable) Stats() StableStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats
}

// Close ends the committer after what is pending, then closes the file.
func (s *Stable) Close() error {
	s.mu.Lock()
	closed := errors.Is(s.stopped, ErrClosed)
	s.stopped = ErrClosed
	s.mu.Unlock()
	if closed {
		<-s.done
		return nil
	}
	close(s.quit)
	<-s.done
	if err := s.marks.Close(); err != nil {
		return fmt.Errorf("close stable store %s: %w", s.name, err)
	}
	return nil
}
