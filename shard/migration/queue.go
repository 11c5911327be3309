package migration

import (
	"errors"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/executor"
)

var (
	// errOverflow ends an attempt whose queue has become too long.
	errOverflow = errors.New("the slots change faster than the target takes the changes")
	// errSuperseded ends an attempt of which the target has heard a later one: another node leads the source.
	errSuperseded = errors.New("the target takes a later attempt")
	// errNotShort puts off a freeze: the slots would be frozen for as long as everything that waits takes.
	errNotShort = errors.New("too much waits for the target, or it is not reached")
	// errStuck ends an attempt of which the target takes a chunk on no stream.
	errStuck = errors.New("the target is reached and takes no chunk")
	// errForgotten ends an attempt that the target cannot go on with.
	errForgotten = errors.New("the target asks for chunks that are not kept any more")
)

// queue holds what one attempt has to send, in order, and what it has sent, until the target has it.
//
// For each slot the order in the queue is that of the states of its keys. A slot is armed under its lock; from then on the
// FSM goroutine appends the effects on it, under the slot's write lock, and the copying goroutine appends items as they are,
// under its read lock. So an item is at least as new as every effect in front of it, and every effect behind it is newer.
// An effect on a key that has not been copied yet may find nothing at the target: the key's item follows.
type queue struct {
	attempt entry.Attempt
	limits  Limits
	// data wakes the sender, room the one who copies; each has room for one wake-up.
	data, room chan struct{}

	mu    sync.Mutex // protects the fields below; a slot's lock comes before it; nothing blocks under it
	armed [slot.Count]bool
	open  []byte // parts that are in no chunk yet
	// chunks are those that the target is not known to have, the first of them numbered first.
	chunks []Chunk
	first  uint64
	// sent is how many of chunks have been sent on the stream of now, sentBytes what they hold.
	sent, sentBytes int
	bytes           int  // open and chunks together
	ended           bool // the final chunk is among chunks, or was
	err             error
	since           time.Time // when the target was heard, or when it had something to answer again
	stats           queueStats
}

// queueStats count what an attempt has queued and what of it has arrived.
type queueStats struct {
	keys, effects, arrivedBytes uint64
}

var _ executor.Tap = (*queue)(nil)

func newQueue(attempt entry.Attempt, limits Limits) *queue {
	return &queue{attempt: attempt, limits: limits, data: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// armLocked lets the effects on a slot pass from now on. The slot is locked.
func (q *queue) armLocked(s slot.ID) {
	q.mu.Lock()
	q.armed[s] = true
	q.mu.Unlock()
}

// itemsLocked appends keys of a slot as they are. The slot is locked; the items' memory is lent.
func (q *queue) itemsLocked(s slot.ID, items []entry.Item) {
	q.mu.Lock()
	if q.err == nil {
		q.stats.keys += uint64(len(items))
		q.appendLocked(&entry.Part{Slot: s, Items: items})
	}
	q.mu.Unlock()
	wake(q.data)
}

// resultsLocked appends results of requests on a slot. The slot is locked.
func (q *queue) resultsLocked(s slot.ID, effects []entry.Effect) {
	q.mu.Lock()
	if q.err == nil {
		results := entry.Part{Slot: s, Effects: effects}
		q.appendLocked(&results)
	}
	q.mu.Unlock()
	wake(q.data)
}

// EffectsLocked appends the effects of a batch on a slot.
func (q *queue) EffectsLocked(s slot.ID, effects []entry.Effect) {
	q.mu.Lock()
	if !q.hearsLocked(s) {
		q.mu.Unlock()
		return
	}
	q.stats.effects += uint64(len(effects))
	q.appendLocked(&entry.Part{Slot: s, Effects: effects})
	if q.bytes > q.limits.QueueBytesMax {
		q.failLocked(errOverflow)
	}
	q.mu.Unlock()
	wake(q.data)
}

// DroppedLocked appends the emptying of a slot.
func (q *queue) DroppedLocked(s slot.ID) {
	q.mu.Lock()
	if q.hearsLocked(s) {
		q.appendLocked(&entry.Part{Slot: s, Drop: true})
	}
	q.mu.Unlock()
	wake(q.data)
}

// hearsLocked tells whether changes of a slot belong to the attempt. Behind the final chunk none do: the slots are frozen, and
// when they change again it was decided that they stay, which an old leader of the source may not have heard yet.
func (q *queue) hearsLocked(s slot.ID) bool { return q.armed[s] && !q.ended && q.err == nil }

func (q *queue) appendLocked(p *entry.Part) {
	before := len(q.open)
	if q.open == nil {
		q.open = make([]byte, 0, q.limits.ChunkBytes+q.limits.ChunkBytes/4)
	}
	q.open = entry.AppendPart(q.open, p)
	q.bytes += len(q.open) - before
	if len(q.open) >= q.limits.ChunkBytes {
		q.sealLocked()
	}
}

// sealLocked makes a chunk of what is open.
func (q *queue) sealLocked() {
	q.chunks = append(q.chunks, Chunk{Attempt: q.attempt, Sequence: q.first + uint64(len(q.chunks)), Parts: q.open})
	q.open = nil
}

// finish appends the final chunk, with what is left. No slot changes any more: they are frozen. A queue that was given up has
// lost what stands before the final chunk, and gets none.
func (q *queue) finish(version uint64, now int64) error {
	q.mu.Lock()
	defer wake(q.data)
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.sealLocked()
	last := &q.chunks[len(q.chunks)-1]
	last.Final, last.Version, last.Time = true, version, now
	q.ended = true
	return nil
}

// smallChunksMax is how many chunks may be on their way when one is closed that is not full: one that is worked on, one that
// waits for it. Each costs the target's group a round.
const smallChunksMax = 2

// next returns the chunk that is to be sent now, false where there is none.
func (q *queue) next() (Chunk, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return Chunk{}, false
	}
	if q.sent == len(q.chunks) && len(q.open) > 0 && q.sent < smallChunksMax {
		q.sealLocked()
	}
	if q.sent == len(q.chunks) {
		return Chunk{}, false
	}
	c := q.chunks[q.sent]
	if q.sent > 0 && q.sentBytes+len(c.Parts) > q.limits.WindowBytes {
		return Chunk{}, false
	}
	if q.sent == 0 {
		q.since = time.Now()
	}
	q.sent++
	q.sentBytes += len(c.Parts)
	return c, true
}

// resume begins to send on a new stream behind what the target has. done tells that it needs nothing.
func (q *queue) resume(a Ack) (done bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sent, q.sentBytes = 0, 0
	next := a.Next
	switch {
	case a.Final:
		return true, nil
	case q.err != nil:
		return false, q.err
	case a.Attempt.After(q.attempt):
		return false, errSuperseded
	case a.Attempt != q.attempt:
		next = 0 // it has heard nothing of this attempt yet
	}
	if next < q.first || next > q.first+uint64(len(q.chunks)) {
		return false, errForgotten
	}
	q.forgetLocked(next)
	return false, nil
}

// acknowledge takes the target's word on the stream of now. done tells that it has the final chunk, if not of this attempt
// then of one whose source had frozen the slots as well.
func (q *queue) acknowledge(a Ack) (done bool, err error) {
	q.mu.Lock()
	defer wake(q.room)
	defer wake(q.data)
	defer q.mu.Unlock()
	switch {
	case a.Final && a.Attempt != q.attempt:
		return true, nil
	case q.err != nil:
		return false, q.err
	case a.Attempt.After(q.attempt):
		return false, errSuperseded
	case a.Attempt != q.attempt || a.Next < q.first || a.Next > q.first+uint64(q.sent):
		return false, errForgotten
	}
	q.forgetLocked(a.Next)
	q.since = time.Now()
	return a.Final, nil
}

// forgetLocked lets go of the chunks below next.
func (q *queue) forgetLocked(next uint64) {
	n := int(next - q.first)
	for _, c := range q.chunks[:n] {
		q.bytes -= len(c.Parts)
		q.stats.arrivedBytes += uint64(len(c.Parts))
		if q.sent > 0 {
			q.sent--
			q.sentBytes -= len(c.Parts)
		}
	}
	q.chunks = append([]Chunk(nil), q.chunks[n:]...)
	q.first = next
}

// waiting is how much the target does not have yet.
func (q *queue) waiting() (bytes int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes, q.err
}

// answerRate is how many bytes a second arrive on the slowest link that is given time: a chunk of one large value needs more
// of it than the answer.
const answerRate = 4 << 20

// silent tells for how long the target has owed an answer, and whether that is too long.
func (q *queue) silent(now time.Time) (silence time.Duration, tooLong bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.sent == 0 {
		return 0, false
	}
	silence = now.Sub(q.since)
	return silence, silence > q.limits.AnswerMax+time.Duration(q.sentBytes)*time.Second/answerRate
}

// arrived is the first chunk that the target is not known to have; waiting tells whether it is there to be sent.
func (q *queue) arrived() (first uint64, waiting bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.first, len(q.chunks) > 0
}

func (q *queue) counts() queueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// fail ends the attempt unless it has ended, and returns why it has.
func (q *queue) fail(err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.failLocked(err)
	}
	return q.err
}

// failLocked ends the attempt and lets go of its memory.
func (q *queue) failLocked(err error) {
	q.err = err
	q.open, q.chunks, q.sent, q.sentBytes, q.bytes = nil, nil, 0, 0, 0
	wake(q.data)
	wake(q.room)
}
