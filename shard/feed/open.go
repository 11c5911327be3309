package feed

import "fmt"

// From returns a reader from a position of this replica's own state machine on.
func (f *Feed) From(p Position, s Selection) *Reader {
	f.Mark(p)
	return f.open(newSelection(s), p, 0)
}

// Resume returns a reader from where another one was, at this replica or at another one.
func (f *Feed) Resume(p Position, s Selection) (*Reader, error) {
	sel := newSelection(s)
	if p.Index > f.log.Applied() {
		return nil, f.compacted(&sel, fmt.Sprintf("the shard's log ends before the token's entry %d: it was recovered without it", p.Index))
	}
	// An index and its term are the same entry in every log of the group; with other terms they never were in one log.
	if p.Index > 0 {
		term, _, err := f.log.Entry(p.Index)
		if err != nil {
			return nil, f.compacted(&sel, fmt.Sprintf("entry %d: %v", p.Index, err))
		}
		if term != p.Term {
			return nil, f.compacted(&sel, fmt.Sprintf("entry %d is another one than the token's: the shard was recovered without that", p.Index))
		}
	}
	return f.open(sel, p, 0), nil
}

// AfterVersion returns a reader of all changes with versions above one. The slots have to be the shard's.
func (f *Feed) AfterVersion(version uint64, s Selection) (*Reader, error) {
	sel, first := newSelection(s), f.log.First()
	f.mu.Lock()
	p, found, oldest := f.history.behind(version, first, &sel.slots)
	f.mu.Unlock()
	if !found {
		return nil, &CompactedError{Oldest: oldest, reason: fmt.Sprintf("changes behind version %d are not all there any more", version)}
	}
	return f.open(sel, p, version), nil
}

// AfterMigration returns a reader of all changes since slots have come to this shard by a migration; false where that is not
// known.
func (f *Feed) AfterMigration(migration uint64, s Selection) (*Reader, bool) {
	sel := newSelection(s)
	f.mu.Lock()
	p, found := f.history.arrival(migration, &sel.slots)
	f.mu.Unlock()
	if !found {
		return nil, false
	}
	return f.open(sel, p, 0), true
}

// Compacted is the error for slots whose arrival is not known any more.
func (f *Feed) Compacted(migration uint64, s Selection) error {
	sel := newSelection(s)
	return f.compacted(&sel, fmt.Sprintf("where the slots have come by migration %d is not known any more", migration))
}

func (f *Feed) open(sel selection, p Position, version uint64) *Reader {
	f.readers.Add(1)
	return &Reader{feed: f, sel: sel, at: p, above: version}
}
