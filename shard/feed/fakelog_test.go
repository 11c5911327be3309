package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// fakeLog is a log in memory, all of it applied.
type fakeLog struct {
	mu      sync.Mutex
	first   uint64 // of the entries that are there
	entries []fakeEntry
	// inc, seq and version are the fence and the counter behind the last entry.
	inc, seq, version uint64
	term              uint64
	reads             int
}

type fakeEntry struct {
	term uint64
	data []byte
}

func newFakeLog() *fakeLog {
	l := &fakeLog{first: 1, term: 1}
	l.start()
	return l
}

func (l *fakeLog) Applied() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.entries))
}

func (l *fakeLog) First() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

func (l *fakeLog) Entry(index uint64) (uint64, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	if index < l.first || index > uint64(len(l.entries)) {
		return 0, nil, ErrGone
	}
	e := l.entries[index-1]
	return e.term, slices.Clone(e.data), nil
}

func (l *fakeLog) append(data []byte) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, fakeEntry{l.term, data})
	return uint64(len(l.entries))
}

func (l *fakeLog) start() {
	l.inc, l.seq = l.append(entry.EncodeExecutorStart(1, entry.ExecutorStart{Nonce: 1, Node: "a"})), 0
}

func (l *fakeLog) header() entry.Header {
	l.seq++
	return entry.Header{Incarnation: l.inc, Sequence: l.seq, Time: 1}
}

func set(key, value string) entry.Effect {
	return entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte(key), Value: []byte(value)}
}

func del(key string, reason entry.Reason) entry.Effect {
	return entry.Effect{Kind: entry.EffectDel, Reason: reason, Key: []byte(key)}
}

// write appends a batch of effects, and returns its index.
func (l *fakeLog) write(effects ...entry.Effect) uint64 { return l.batch(l.header(), nil, effects) }

func (l *fakeLog) batch(h entry.Header, drops []slot.Range, effects []entry.Effect) uint64 {
	b := entry.Batch{Drops: drops}
	if len(drops) > 0 {
		l.version++
	}
	for _, e := range effects {
		l.version++
		e.Version = l.version
		s := slot.Of(e.Key)
		i := slices.IndexFunc(b.Sections, func(x entry.Section) bool { return x.Slot == s })
		if i < 0 {
			i = len(b.Sections)
			b.Sections = append(b.Sections, entry.Section{Slot: s})
		}
		b.Sections[i].Effects = append(b.Sections[i].Effects, e)
	}
	b.Version = l.version
	return l.append(entry.AppendBatch(nil, h, &b))
}

func (l *fakeLog) at() Position {
	return Position{Index: l.Applied(), Term: l.term, Incarnation: l.inc, Sequence: l.seq, Version: l.version}
}

// truncate forgets the entries before first.
func (l *fakeLog) truncate(first uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.first = first
}

var allSlots = Selection{Slots: []slot.Range{{First: 0, Last: slot.Count - 1}}}

// text is what a change says.
func text(c *Change) string {
	switch {
	case c.Kind == Emptied:
		return fmt.Sprintf("emptied %v", c.Slots)
	case c.Kind == Left:
		return fmt.Sprintf("left %v to %d by %d", c.Slots, c.To, c.Migration)
	case c.Effect.Kind == entry.EffectDel:
		return fmt.Sprintf("del %s %d", c.Effect.Key, c.Effect.Reason)
	}
	return fmt.Sprintf("%s=%s", c.Effect.Key, c.Effect.Value)
}

var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// seen is what a reader shows up to the end of the log, with at most size bytes at a time, and what it ends with.
func seen(r *Reader, size int) (texts []string, err error) {
	for r.at.Index < r.feed.log.Applied() {
		changes, err := r.take(size)
		if err != nil {
			return texts, err
		}
		for i := range changes {
			texts = append(texts, text(&changes[i]))
		}
	}
	_, err = r.Next(ended, nil, size)
	return texts, err
}

func wantSeen(t *testing.T, r *Reader, want ...string) {
	t.Helper()
	got, err := seen(r, 1<<20)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("ended with %v", err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("seen %q, want %q", got, want)
	}
}

func wantCompacted(t *testing.T, what string, err error, oldest uint64) {
	t.Helper()
	var compacted *CompactedError
	if !errors.As(err, &compacted) {
		t.Fatalf("%s: got %v, want a CompactedError", what, err)
	}
	if compacted.Oldest != oldest {
		t.Errorf("%s: the oldest version is %d, want %d", what, compacted.Oldest, oldest)
	}
}
