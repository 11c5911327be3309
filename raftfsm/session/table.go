package session

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/proto/slot"
)

// ID names one request, whatever the number of its attempts.
type ID struct {
	// Client is a number that the client has drawn at random.
	Client uint64
	// Sequence counts the client's requests.
	Sequence uint64
}

func (a ID) compare(b ID) int {
	return cmp.Or(cmp.Compare(a.Client, b.Client), cmp.Compare(a.Sequence, b.Sequence))
}

// Done is the result of a request that was applied.
type Done struct {
	ID ID
	// Until is the end of the id, in milliseconds since the Unix epoch by the shard's clock.
	Until int64
	// Result is what the first attempt was answered, in the form of whoever asked.
	Result []byte
}

// LifeMax is how far off the end of an id may lie, in milliseconds: longer than a client goes on retrying, short enough
// for what a busy client leaves behind.
const LifeMax = 5 * 60 * 1000

// ResultBytesMax bounds one result. Requests with larger replies take no id.
const ResultBytesMax = 64 << 10

// Limits of one table. What is beyond is refused before it is applied, never forgotten before its end.
const (
	// CountMax is for 870 requests with ids a second that are remembered for LifeMax.
	CountMax = 1 << 18
	// BytesMax bounds results with what remembering them takes.
	BytesMax = 64 << 20
)

// overheadBytes is about what remembering one result takes beside it.
const overheadBytes = 64

func (d *Done) bytes() int64 { return overheadBytes + int64(len(d.Result)) }

// Table is the results of one shard. The lock of a slot in the shard's store guards the slot's part here, too; only the state
// machine's goroutine writes, but for SweepLocked.
type Table struct {
	slots [slot.Count]*results
	// generation rises with each capture; a part of an earlier one is copied before it changes. Only the state machine's
	// goroutine changes it.
	generation uint64
	// capturing is held while all parts are looked at for a capture, and while somebody else than the state machine's goroutine
	// puts one in its place. It is taken behind the lock of a slot.
	capturing sync.Mutex

	count, bytes atomic.Int64
}

// results is what is remembered of one slot.
type results struct {
	// done is sorted by id.
	done       []Done
	generation uint64
	// sweepAt is how many there are when the next look for those that have ended is due.
	sweepAt int
}

// New returns an empty table.
func New() *Table { return &Table{} }

// Len is how many results are remembered, those included whose end has passed since.
func (t *Table) Len() int { return int(t.count.Load()) }

// Full tells whether there is no room for another result of so many bytes.
func (t *Table) Full(resultBytes int) bool {
	return t.count.Load() >= CountMax || t.bytes.Load()+overheadBytes+int64(resultBytes) > BytesMax
}

// FindLocked returns the result of a request on a slot. Who asks has refused ids whose end has passed.
func (t *Table) FindLocked(s slot.ID, id ID) (Done, bool) {
	r := t.slots[s]
	if r == nil {
		return Done{}, false
	}
	i, found := r.find(id)
	if !found {
		return Done{}, false
	}
	return r.done[i], true
}

func (r *results) find(id ID) (int, bool) {
	return slices.BinarySearchFunc(r.done, id, func(d Done, id ID) int { return d.ID.compare(id) })
}

// PutLocked remembers the result of a request on a slot and keeps d.Result. now is the shard's time: what has ended by then
// may be forgotten. An id that is known keeps the result it has.
func (t *Table) PutLocked(s slot.ID, d Done, now int64) {
	r := t.own(s)
	if len(r.done) >= r.sweepAt {
		t.sweep(r, now)
	}
	i, found := r.find(d.ID)
	if found {
		return
	}
	r.done = slices.Insert(r.done, i, d)
	t.count.Add(1)
	t.bytes.Add(d.bytes())
}

// sweepMin keeps slots with few results from looking at them at each.
const sweepMin = 16

// sweep forgets what has ended. The next one is due when there are twice as many as are left, so that on average each result
// is looked at twice.
func (t *Table) sweep(r *results, now int64) {
	r.done = slices.DeleteFunc(r.done, func(d Done) bool {
		ended := d.Until < now
		if ended {
			t.count.Add(-1)
			t.bytes.Add(-d.bytes())
		}
		return ended
	})
	r.sweepAt = max(2*len(r.done), sweepMin)
}

// SweepLocked forgets the results of a slot that have ended by now, a time that the shard's has reached: that of an applied
// record. Anybody may call it who holds the slot. Slots that no request with an id comes to any more are emptied by it alone.
func (t *Table) SweepLocked(s slot.ID, now int64) {
	r := t.slots[s]
	if r == nil || !slices.ContainsFunc(r.done, func(d Done) bool { return d.Until < now }) {
		return
	}
	left := &results{done: slices.Clone(r.done)} // a capture may have the present one
	t.sweep(left, now)
	t.capturing.Lock()
	defer t.capturing.Unlock()
	if left.generation = t.generation; len(left.done) == 0 {
		left = nil
	}
	t.slots[s] = left
}

// own returns the part of a slot, to be changed: one that a capture still needs is copied.
func (t *Table) own(s slot.ID) *results {
	r := t.slots[s]
	switch {
	case r == nil:
		r = &results{generation: t.generation, sweepAt: sweepMin}
		t.slots[s] = r
	case r.generation < t.generation:
		r = &results{done: slices.Clone(r.done), generation: t.generation, sweepAt: r.sweepAt}
		t.slots[s] = r
	}
	return r
}

// DropLocked forgets all results of a slot.
func (t *Table) DropLocked(s slot.ID) {
	r := t.slots[s]
	if r == nil {
		return
	}
	for i := range r.done {
		t.bytes.Add(-r.done[i].bytes())
	}
	t.count.Add(-int64(len(r.done)))
	t.slots[s] = nil
}

// AppendLocked appends the results of a slot whose end has not passed by now, sorted by id.
func (t *Table) AppendLocked(dst []Done, s slot.ID, now int64) []Done {
	return t.slots[s].appendLive(dst, now)
}

func (r *results) appendLive(dst []Done, now int64) []Done {
	if r == nil {
		return dst
	}
	for _, d := range r.done {
		if d.Until >= now {
			dst = append(dst, d)
		}
	}
	return dst
}

// TakeLocked replaces the results of a slot by those of a table that was loaded, and which nobody else has.
func (t *Table) TakeLocked(s slot.ID, loaded *Table) {
	t.DropLocked(s)
	r := loaded.slots[s]
	if r == nil {
		return
	}
	loaded.slots[s] = nil
	r.generation = t.generation // no capture has it
	t.slots[s] = r
	t.count.Add(int64(len(r.done)))
	for i := range r.done {
		t.bytes.Add(r.done[i].bytes())
	}
}

// CopyLocked appends results of a slot that come behind an id, in order: count of them at most, and no more once they have
// so many bytes. nil begins. more tells that others follow the last one.
func (t *Table) CopyLocked(dst []Done, s slot.ID, after *ID, count int, bytes int64) (copied []Done, more bool) {
	r := t.slots[s]
	if r == nil {
		return dst, false
	}
	i := 0
	if after != nil {
		found := false
		if i, found = r.find(*after); found {
			i++
		}
	}
	for ; i < len(r.done) && count > 0 && bytes > 0; i++ {
		dst = append(dst, r.done[i])
		count--
		bytes -= r.done[i].bytes()
	}
	return dst, i < len(r.done)
}
