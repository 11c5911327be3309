package raftfsm

import (
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// Replicas apply the same records at different times, after a restart years later: only what the records say may count.
func TestSameLogGivesTheSameStateWhateverTheClocksSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().UnixMilli()
		play := func() *replica {
			r := newReplica()
			r.start(now)
			r.put(entry.EncodeOwn(r.next(now), []slot.Range{{First: 0, Last: slot.Count - 1}}))
			for _, c := range []struct {
				key string
				ttl time.Duration
			}{{"gone", -time.Hour}, {"soon", time.Minute}, {"later", 24 * 365 * time.Hour}} {
				r.set(r.next(now), c.key, "v", now+c.ttl.Milliseconds())
			}
			r.start(now + 1)
			return r
		}
		first := play()
		time.Sleep(time.Hour)
		second := play()
		if a, b := first.State(), second.State(); !reflect.DeepEqual(a, b) {
			t.Errorf("states differ:\n%+v\n%+v", a, b)
		}
		if a, b := first.store.Digest(), second.store.Digest(); a != b {
			t.Errorf("digests differ: %v and %v", a, b)
		}
		for _, key := range []string{"gone", "soon", "later"} {
			if a, b := first.value(key), second.value(key); a != "v" || b != "v" {
				t.Errorf("%s: %q and an hour later %q, want what was logged", key, a, b)
			}
		}
	})
}
