package logstore

import "fmt"

// markDamaged holds the reason why this log must not be opened again.
const markDamaged = "damaged"

// DeleteRange serves raft's two purposes: compaction behind a snapshot deletes a prefix, a follower that meets a
// conflict deletes a suffix. Only the second can lose an entry that counts, so only the second is compared
// with the floor. TrailingLogs must be at least 1; then compaction never reaches the last entry.
func (l *Log) DeleteRange(from, to uint64) error {
	if err := l.exclusively(func() error { return l.delete(from, to) }); err != nil {
		return fmt.Errorf("delete entries %d to %d of group %d in %s: %w", from, to, l.cfg.Group, l.cfg.Path, err)
	}
	return nil
}

func (l *Log) delete(from, to uint64) error {
	first, last, boundary := l.state()
	if last == 0 || to < first || from > last || to < from {
		return nil
	}
	from, to = max(from, first), min(to, last)
	switch {
	case to < last && from > first:
		return fmt.Errorf("only a prefix or a suffix of %d to %d can be deleted", first, last)
	case to < last, from == first && to <= boundary.Index:
		return l.compact(from, to, boundary)
	default:
		return l.truncateSuffix(from, to)
	}
}

// keepAfter makes compaction leave every entry after a snapshot, however much newer others are: raft knows of the newest
// only.
func (l *Log) keepAfter(index uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = index
}

// compact deletes a prefix, as far as the oldest snapshot allows. The entry at the snapshot boundary stays: the Prev check
// of AppendEntries asks for it.
func (l *Log) compact(from, to uint64, boundary Boundary) error {
	l.mu.RLock()
	if l.kept != 0 {
		to = min(to, l.kept)
	}
	l.mu.RUnlock()
	if to == boundary.Index {
		to--
	}
	if to < from {
		return nil
	}
	if err := l.backend.Delete(from, to); err != nil {
		return &fatalError{err}
	}
	_, last, _ := l.state()
	l.setBounds(to+1, last)
	return nil
}

// truncateSuffix deletes from..last, unless that is at or below what this replica has committed, applied or has in a
// snapshot: then it has diverged from its group (Raft §5.4.3), and its state may already show it.
func (l *Log) truncateSuffix(from, last uint64) error {
	first, _, boundary := l.state()
	floor := boundary.Index
	if l.cfg.Floor != nil {
		floor = max(floor, l.cfg.Floor())
	}
	if from <= floor {
		return l.damage(fmt.Sprintf("the leader's entries conflict from entry %d on, but entries up to %d are committed,"+
			" applied or in a snapshot here (log %d to %d)", from, floor, first, last))
	}
	if err := l.backend.Delete(max(from, first), last); err != nil {
		return &fatalError{err}
	}
	l.truncations.Add(1)
	l.setBounds(first, from-1)
	return nil
}

// MarkDamaged notes durably that this replica must not be opened again, then stops the process through Fatal.
func (l *Log) MarkDamaged(reason string) error {
	return l.exclusively(func() error { return l.damage(reason) })
}

func (l *Log) damage(reason string) error {
	err := fmt.Errorf("%s: %w", reason, ErrDamaged)
	if markErr := l.backend.SetMark(markDamaged, []byte(reason)); markErr != nil {
		err = fmt.Errorf("%w; the mark itself could not be written: %w", err, markErr)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.damaged = true
	return &fatalError{err}
}

// Damaged reports whether this replica must be rebuilt as a new learner.
func (l *Log) Damaged() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.damaged
}

func (l *Log) setBounds(first, last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if first > last {
		first, last = 0, 0
	}
	l.first, l.last = first, last
	l.window.keep(first, last)
}
