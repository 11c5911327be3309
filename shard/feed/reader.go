package feed

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// Kind tells what a Change is.
type Kind uint8

const (
	// Effect is a change of one key.
	Effect Kind = iota + 1
	// Emptied says that all keys of slots were deleted.
	Emptied
	// Left says that slots belong to another shard now: nothing more of them comes here.
	Left
)

// Change is one change.
type Change struct {
	Kind Kind
	Slot slot.ID
	// Effect is what was done to a key. It is shared: nobody changes it.
	Effect *entry.Effect
	// Version is that of the effect. Of the emptying of slots it lies between those of the changes before and behind it.
	Version uint64
	// Slots are those that were emptied, or that have left, To is the shard that has them now, by Migration.
	Slots     []slot.Range
	To        slot.ShardID
	Migration uint64
}

func (c *Change) bytes() int {
	if c.Effect == nil {
		return changeBytes
	}
	return changeBytes + len(c.Effect.Key) + len(c.Effect.Field) + len(c.Effect.Value)
}

// changeBytes is about what a change takes beside its key and value.
const changeBytes = 64

// Reader takes changes. One goroutine uses it.
type Reader struct {
	feed *Feed
	sel  selection
	at   Position
	// above: only changes with higher versions are shown.
	above  uint64
	closed bool
}

// Position is behind everything that Next has returned, or passed over.
func (r *Reader) Position() Position { return r.at }

// Close ends the reader. It may be called twice.
func (r *Reader) Close() {
	if r.closed {
		return
	}
	r.closed = true
	if r.feed.readers.Add(-1) > 0 {
		return
	}
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	if r.feed.readers.Load() == 0 {
		r.feed.ring.clear()
	}
}

// ErrInterrupted says that Next was interrupted.
var ErrInterrupted = errors.New("the reader was interrupted")

// Next returns changes, at least one and about sizeBytes at most, once there are any. The error is ctx's, ErrInterrupted once
// interrupt is closed, io.EOF once all slots have left, or a CompactedError; the position stands behind what was returned before.
func (r *Reader) Next(ctx context.Context, interrupt <-chan struct{}, sizeBytes int) ([]Change, error) {
	for {
		if r.sel.slots.count == 0 {
			return nil, io.EOF
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Whoever is awaited before he is looked for is not missed.
		var more <-chan struct{}
		if r.feed.log.Applied() <= r.at.Index {
			more = r.feed.awaited()
		}
		if r.feed.log.Applied() > r.at.Index {
			changes, err := r.take(sizeBytes)
			if len(changes) > 0 || err != nil {
				return changes, err
			}
			continue
		}
		select {
		case <-more:
		case <-interrupt:
			return nil, ErrInterrupted
		case <-ctx.Done():
		}
	}
}

// take takes the changes of the next entry, or the next part of them.
func (r *Reader) take(sizeBytes int) ([]Change, error) {
	next, err := r.feed.record(r.at.Index + 1)
	if errors.Is(err, ErrGone) {
		return nil, r.feed.compacted(&r.sel, fmt.Sprintf("entry %d: %v", r.at.Index+1, err))
	}
	if err != nil {
		return nil, err
	}
	switch kind := next.header.Kind; {
	case kind == entry.KindBatch && r.at.lets(next):
		return r.takeBatch(next, sizeBytes), nil
	case (kind == entry.KindDrop || kind == entry.KindActivate) && r.at.lets(next):
		return r.takeMove(next)
	}
	r.at.pass(next)
	return nil, nil
}

// takeMove takes a record by which slots may have left, or come.
func (r *Reader) takeMove(next *record) ([]Change, error) {
	m, moved, known := r.feed.moveAt(next.index)
	switch {
	case !known:
		return nil, r.feed.compacted(&r.sel, fmt.Sprintf("entry %d has moved slots, and which is not known any more", next.index))
	case moved && m.To == 0 && r.sel.slots.meets(m.Ranges):
		return nil, r.feed.compacted(&r.sel, fmt.Sprintf("slots have come with migration %d that were another shard's before", m.Migration))
	}
	r.at.pass(next)
	if !moved || m.To == 0 {
		return nil, nil
	}
	if gone := r.sel.slots.remove(m.Ranges); len(gone) > 0 {
		return []Change{{Kind: Left, Slots: gone, To: m.To, Migration: m.Migration, Version: r.at.Version}}, nil
	}
	return nil, nil
}

// takeBatch takes the changes of a batch behind those that were taken already. Emptied slots come first, as they are applied.
func (r *Reader) takeBatch(next *record, sizeBytes int) (changes []Change) {
	size, ordinal, above := 0, uint64(0), r.above
	if len(next.batch.Drops) > 0 && next.batch.Version > above {
		above = 0 // of which version the emptying is the batch does not say, and what came behind it has to follow
	}
	// full counts a change and tells whether it and all behind it have to wait for the next call.
	full := func() bool {
		if size >= sizeBytes {
			r.at.Done = ordinal
			return true
		}
		ordinal++
		return false
	}
	add := func(c Change) {
		if ordinal > r.at.Done && c.Version > above {
			changes = append(changes, c)
			size += c.bytes()
		}
	}
	for _, drop := range next.batch.Drops {
		if full() {
			return changes
		}
		if common := r.sel.slots.common([]slot.Range{drop}); len(common) > 0 {
			add(Change{Kind: Emptied, Slots: common, Version: r.at.Version + 1})
		}
	}
	for i := range next.batch.Sections {
		section := &next.batch.Sections[i]
		wanted := r.sel.slots.has(section.Slot)
		if !wanted {
			ordinal += uint64(len(section.Effects))
			continue
		}
		for j := range section.Effects {
			if full() {
				return changes
			}
			if e := &section.Effects[j]; e.Kind != entry.EffectDone && r.sel.wants(e.Key) {
				add(Change{Kind: Effect, Slot: section.Slot, Effect: e, Version: e.Version})
			}
		}
	}
	r.at.pass(next)
	return changes
}
