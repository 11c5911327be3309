package migration

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
)

var first = entry.Attempt{Incarnation: 5, Counter: 1}

func smallQueue() *queue {
	return newQueue(first, Limits{ChunkBytes: 64, WindowBytes: 200, QueueBytesMax: 1 << 10}.withDefaults())
}

func effect(value string) []entry.Effect {
	return []entry.Effect{{Kind: entry.EffectSet, Type: entry.TypeString, Key: []byte("k"), Value: []byte(value), Version: 7}}
}

// full fills a chunk of a small queue.
const full = "0123456789012345678901234567890123456789012345678901234567890123"

// take drains what is to be sent now.
func (q *queue) take() (chunks []Chunk) {
	for c, due := q.next(); due; c, due = q.next() {
		chunks = append(chunks, c)
	}
	return chunks
}

func mustFinish(t *testing.T, q *queue) {
	t.Helper()
	if err := q.finish(9, 10); err != nil {
		t.Fatal(err)
	}
}

func TestEffectsOfSlotsThatAreNotCopiedYetStayOut(t *testing.T) {
	q := smallQueue()
	q.EffectsLocked(1, effect("before"))
	q.DroppedLocked(1)
	q.armLocked(1)
	q.EffectsLocked(2, effect("elsewhere"))
	q.EffectsLocked(1, effect("after"))
	chunks := q.take()
	if len(chunks) != 1 {
		t.Fatalf("%d chunks, want 1", len(chunks))
	}
	parts, err := entry.DecodeParts(chunks[0].Parts)
	if err != nil || len(parts) != 1 || parts[0].Slot != 1 || len(parts[0].Effects) != 1 || string(parts[0].Effects[0].Value) != "after" {
		t.Errorf("the chunk has parts %+v (%v), want the one effect behind the arming", parts, err)
	}
}

func TestEmptyingOfASlotStandsBetweenTheEffectsBeforeItAndThoseBehindIt(t *testing.T) {
	q := smallQueue()
	q.armLocked(1)
	q.EffectsLocked(1, effect("before"))
	q.DroppedLocked(1)
	q.EffectsLocked(1, effect("after"))
	mustFinish(t, q)
	var order []string
	for _, chunk := range q.take() {
		parts, err := entry.DecodeParts(chunk.Parts)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if p.Drop {
				order = append(order, "emptied")
			}
			for _, e := range p.Effects {
				order = append(order, string(e.Value))
			}
		}
	}
	if want := []string{"before", "emptied", "after"}; !slices.Equal(order, want) {
		t.Errorf("the chunks say %v, want %v", order, want)
	}
}

// A leader of the source that was replaced goes on hearing of its slots until it knows, also when they change again.
func TestChangesBehindTheFinalChunkAreNotSent(t *testing.T) {
	q := smallQueue()
	q.armLocked(1)
	q.EffectsLocked(1, effect("last"))
	mustFinish(t, q)
	q.EffectsLocked(1, effect("later"))
	q.DroppedLocked(1)
	chunks := q.take()
	if len(chunks) != 1 || !chunks[0].Final || chunks[0].Version != 9 || chunks[0].Time != 10 {
		t.Fatalf("chunks %+v, want the final one alone", chunks)
	}
	if parts, _ := entry.DecodeParts(chunks[0].Parts); len(parts) != 1 {
		t.Errorf("the final chunk has parts %+v", parts)
	}
}

func TestNoMoreIsSentThanTheWindowHolds(t *testing.T) {
	q := smallQueue()
	q.armLocked(1)
	for range 8 {
		q.EffectsLocked(1, effect(full))
	}
	sent := q.take()
	if len(sent) == 0 || len(sent) > 3 {
		t.Fatalf("%d chunks of over 64 bytes are sent in a window of 200", len(sent))
	}
	if _, err := q.acknowledge(Ack{Attempt: first, Next: 1}); err != nil {
		t.Fatal(err)
	}
	if more := q.take(); len(more) != 1 || more[0].Sequence != uint64(len(sent)) {
		t.Errorf("%d chunks are sent after one was acknowledged, want the next one", len(more))
	}
}

func TestStreamBeginsWhereTheTargetIs(t *testing.T) {
	for name, c := range map[string]struct {
		ack  Ack
		next uint64 // sent first; without meaning where done or err is set
		done bool
		err  error
	}{
		"it has nothing":                 {ack: Ack{}, next: 2, err: errForgotten},
		"it has what was acknowledged":   {ack: Ack{Attempt: first, Next: 2}, next: 2},
		"it has more":                    {ack: Ack{Attempt: first, Next: 3}, next: 3},
		"it has what was never sent":     {ack: Ack{Attempt: first, Next: 9}, err: errForgotten},
		"it has less":                    {ack: Ack{Attempt: first, Next: 1}, err: errForgotten},
		"it takes an attempt of before":  {ack: Ack{Attempt: entry.Attempt{Incarnation: 4, Counter: 9}, Next: 2}, err: errForgotten},
		"it takes a later attempt":       {ack: Ack{Attempt: entry.Attempt{Incarnation: 5, Counter: 2}}, err: errSuperseded},
		"it has everything":              {ack: Ack{Attempt: first, Next: 4, Final: true}, done: true},
		"it has everything of another's": {ack: Ack{Attempt: entry.Attempt{Incarnation: 4, Counter: 9}, Next: 2, Final: true}, done: true},
	} {
		t.Run(name, func(t *testing.T) {
			q := smallQueue()
			q.armLocked(1)
			for range 4 {
				q.EffectsLocked(1, effect(full))
			}
			q.take()
			if _, err := q.acknowledge(Ack{Attempt: first, Next: 2}); err != nil {
				t.Fatal(err)
			}
			done, err := q.resume(c.ack)
			if done != c.done || !errors.Is(err, c.err) {
				t.Fatalf("done %v, %v; want %v, %v", done, err, c.done, c.err)
			}
			if done || err != nil {
				return
			}
			if sent := q.take(); len(sent) == 0 || sent[0].Sequence != c.next {
				t.Errorf("sent %+v, want chunk %d first", sent, c.next)
			}
		})
	}
}

func TestQueueThatIsTooLongEndsItsAttempt(t *testing.T) {
	q := smallQueue()
	q.armLocked(1)
	for range 100 {
		q.EffectsLocked(1, effect("0123456789"))
	}
	if waiting, err := q.waiting(); !errors.Is(err, errOverflow) || waiting != 0 {
		t.Errorf("%d bytes wait, %v; want none and %v", waiting, err, errOverflow)
	}
}

// Everything before it was thrown away: a target that took the final chunk would commit without it.
func TestQueueThatWasGivenUpSendsNoFinalChunk(t *testing.T) {
	q := smallQueue()
	q.armLocked(1)
	q.EffectsLocked(1, effect("sent"))
	if sent := q.take(); len(sent) != 1 {
		t.Fatalf("sent %+v, want one chunk", sent)
	}
	if _, err := q.acknowledge(Ack{Attempt: first, Next: 1}); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		q.EffectsLocked(1, effect("0123456789"))
	}
	if err := q.finish(9, 10); !errors.Is(err, errOverflow) {
		t.Errorf("the final chunk is queued: %v, want %v", err, errOverflow)
	}
	if sent := q.take(); len(sent) != 0 {
		t.Errorf("sent %+v, want nothing", sent)
	}
	for name, answer := range map[string]func(Ack) (bool, error){"a new stream": q.resume, "a late answer": q.acknowledge} {
		if done, err := answer(Ack{Attempt: first, Next: 2}); done || !errors.Is(err, errOverflow) {
			t.Errorf("%s: done %v, %v; want %v", name, done, err, errOverflow)
		}
	}
}

// A large chunk takes a slow link longer than an answer takes.
func TestSilenceIsMeasuredByWhatIsOnItsWay(t *testing.T) {
	q := newQueue(first, Limits{}.withDefaults())
	if _, tooLong := q.silent(time.Now().Add(time.Hour)); tooLong {
		t.Error("nothing was sent, and its answer is late")
	}
	q.armLocked(1)
	q.EffectsLocked(1, effect(string(make([]byte, 10*answerRate))))
	if sent := q.take(); len(sent) != 1 {
		t.Fatalf("%d chunks are sent, want 1", len(sent))
	}
	for after, want := range map[time.Duration]bool{time.Second: false, 10 * time.Second: false, 15 * time.Second: true} {
		if silence, tooLong := q.silent(q.since.Add(after)); tooLong != want || silence != after {
			t.Errorf("after %v: silent for %v, too long: %v, want %v", after, silence, tooLong, want)
		}
	}
}

// ledBy is a replica that serves in the terms that a test says, one after another.
type ledBy struct {
	Group
	terms []uint64
}

func (l *ledBy) Serving() (uint64, bool) {
	term := l.terms[0]
	l.terms = l.terms[1:]
	return term, term != 0
}

func (l *ledBy) State() raftfsm.State { return raftfsm.State{Incarnation: 77} }
func (l *ledBy) Shard() slot.ShardID  { return 1 }

// The incarnation that is seen may be another leader's, who counts attempts from 1 as well.
func TestAttemptIsNamedByAnIncarnationOfThisReplicasOwn(t *testing.T) {
	for _, terms := range [][]uint64{{0, 0}, {3, 0}, {0, 3}, {3, 4}} {
		d := New(Config{Group: &ledBy{terms: terms}})
		if a, err := d.nextAttempt(); err == nil {
			t.Errorf("serving in terms %v: attempt %v", terms, a)
		}
	}
	d := New(Config{Group: &ledBy{terms: []uint64{3, 3, 3, 3}}})
	for counter := uint64(1); counter <= 2; counter++ {
		if a, err := d.nextAttempt(); err != nil || a != (entry.Attempt{Incarnation: 77, Counter: counter}) {
			t.Errorf("attempt %v, %v", a, err)
		}
	}
}
