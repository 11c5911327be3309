package session

import "github.com/holtcache/holt/proto/slot"

// Capture is a table as it was at one moment. It may be read by anybody, at any time.
type Capture struct {
	slots *[slot.Count]*results // nil: none at all
}

// Capture captures the table, on the state machine's goroutine. It costs the same whatever the table holds: a slot is copied
// when it changes the first time afterwards.
func (t *Table) Capture() Capture {
	t.capturing.Lock()
	defer t.capturing.Unlock()
	t.generation++
	if t.Len() == 0 {
		return Capture{}
	}
	slots := t.slots
	return Capture{slots: &slots}
}

// Append appends the captured results of a slot whose end had not passed by now, sorted by id.
func (c Capture) Append(dst []Done, s slot.ID, now int64) []Done {
	if c.slots == nil {
		return dst
	}
	return c.slots[s].appendLive(dst, now)
}

// Empty tells whether there is no result whose end had not passed by now.
func (c Capture) Empty(now int64) bool {
	if c.slots == nil {
		return true
	}
	for _, r := range c.slots {
		if r.anyLive(now) {
			return false
		}
	}
	return true
}

func (r *results) anyLive(now int64) bool {
	if r == nil {
		return false
	}
	for i := range r.done {
		if r.done[i].Until >= now {
			return true
		}
	}
	return false
}
