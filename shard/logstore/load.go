package logstore

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/hashicorp/raft"
)

// load reads the marks, verifies every entry, and fills the window. Damage is found here, not by raft in the middle
// of a restart: NewRaft panics on an entry that it misses.
func (l *Log) load() error {
	reason, damaged, err := l.backend.Mark(markDamaged)
	if err != nil {
		return err
	}
	if damaged {
		return fmt.Errorf("%s: marked on an earlier run: %s: %w", l.cfg.Path, reason, ErrDamaged)
	}
	if err := l.loadBoundary(); err != nil {
		return err
	}
	first, last, err := l.backend.Bounds()
	if err != nil {
		return fmt.Errorf("%s: %w", l.cfg.Path, err)
	}
	if last == 0 {
		return nil
	}
	l.first, l.last = first, last
	from := first
	if recent := uint64(len(l.window.slots)); l.backend.Verified() && last-first >= recent {
		from = last - recent + 1
	}
	for index := from; index <= last; index++ {
		var entry raft.Log
		switch err := l.backend.Read(index, &entry); {
		case errors.Is(err, ErrDamaged):
			return err
		case err != nil:
			return fmt.Errorf("%s: entry %d of %d to %d: %w: %w", l.cfg.Path, index, first, last, err, ErrDamaged)
		}
		l.window.push(&entry)
	}
	return l.reconcile(l.boundary, dropSuffix)
}

// catchFaults turns a panic, or a fault in a mapped file, into an error that names the file.
func catchFaults(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v: %w", path, p, ErrDamaged)
		}
	}()
	return f()
}
