package session

import "github.com/holtcache/holt/proto/slot"

// Capture is a table as it was at one moment. It may be read by anybody, at any time.
type Capture struct{ slots map[slot.ID]*results }

// Capture captures the table, on the state machine's goroutine. It costs as much as there are slots with results, whatever
// their number; a slot is copied when it changes the first time afterwards.
func (t *Table) Capture() Capture {
	t.generation++
	c := Capture{slots: map[slot.ID]*results{}}
	for s, r := range t.slots {
		if r != nil && len(r.done) > 0 {
			c.slots[slot.ID(s)] = r
		}
	}
	return c
}

// Append appends the captured results of a slot whose end had not passed by now, sorted by id.
func (c Capture) Append(dst []Done, s slot.ID, now int64) []Done {
	return c.slots[s].appendLive(dst, now)
}
