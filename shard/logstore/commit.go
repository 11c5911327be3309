package logstore

import "fmt"

// change is one durable write that waits for its commit: of the table, or of one mark.
type change struct {
	// apply changes a copy of the table, on the committer's goroutine. An error refuses this change alone.
	apply func(table) error

	name  string // of the mark, if apply is nil
	value []byte

	err  error
	done chan struct{}
}

// commit hands c to the committer and waits until it is durable or refused.
func (s *Stable) commit(c *change) error {
	c.done = make(chan struct{})
	s.mu.Lock()
	if s.stopped != nil {
		defer s.mu.Unlock()
		return s.stopped
	}
	s.pending = append(s.pending, c)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // the committer is told already
	}
	<-c.done
	return c.err
}

// commitAll is the committer: everything that came while it was writing becomes the next transaction. It ends
// when nothing is pending after Close.
func (s *Stable) commitAll() {
	defer close(s.done)
	for {
		var quit bool
		select {
		case <-s.wake:
		case <-s.quit:
			quit = true
		}
		for s.commitPending() {
		}
		if quit {
			return
		}
	}
}

// commitPending makes durable what is pending now and reports whether there was anything.
func (s *Stable) commitPending() bool {
	s.mu.Lock()
	batch := s.pending
	s.pending = nil
	next := s.table.clone()
	s.mu.Unlock()
	if len(batch) == 0 {
		return false
	}
	fatal := s.write(batch, next)
	if fatal != nil {
		s.fatal(fmt.Errorf("stable store %s: %w", s.name, fatal))
	}
	for _, c := range batch {
		close(c.done)
	}
	return true
}

// write commits one batch: one transaction for all changes of the table, one for each mark. After an error everything
// is refused, also what was pending behind it.
func (s *Stable) write(batch []*change, next table) error {
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		for _, c := range batch {
			c.err = failed
		}
		return nil
	}
	commits, tableChanged := uint64(0), false
	var err error
	for _, c := range batch {
		if c.apply != nil {
			if c.err = c.apply(next); c.err == nil {
				tableChanged = true
			}
			continue
		}
		if err == nil {
			err = s.marks.SetMark(c.name, c.value)
			commits++
		}
	}
	if err == nil && tableChanged {
		err = s.marks.SetMark(markTable, next.encode())
		commits++
	}
	return s.settle(batch, next, commits, err)
}

// settle records the outcome of a batch.
func (s *Stable) settle(batch []*change, next table, commits uint64, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.failed = fmt.Errorf("%w: %w", ErrFatal, err)
		if s.stopped == nil {
			s.stopped = s.failed
		}
		for _, c := range batch {
			c.err = s.failed
		}
		return err
	}
	s.table = next
	s.stats.Commits += commits
	for _, c := range batch {
		if c.err == nil {
			s.stats.Changes++
		}
	}
	return nil
}
