package ops

import (
	"testing"

	"github.com/holtcache/holt/raftfsm/store"
)

// toucher counts looks that are uses.
type toucher struct {
	Reader
	uses int
}

func (r *toucher) Get([]byte) (store.Item, bool)  { r.uses++; return store.Item{}, true }
func (r *toucher) Peek([]byte) (store.Item, bool) { return store.Item{}, true }

func TestALookThatIsNotToTouchIsNoUse(t *testing.T) {
	r := &toucher{}
	var c Counted
	c.Begin(r)
	c.NoTouch = true
	if _, ok := c.Get(keyK); !ok || r.uses != 0 || c.Hits != 1 {
		t.Errorf("uses %d, hits %d", r.uses, c.Hits)
	}
	c.Begin(r)
	if _, ok := c.Get(keyK); !ok || r.uses != 1 {
		t.Errorf("the next command: uses %d", r.uses)
	}
}
