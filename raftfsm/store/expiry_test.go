package store

import (
	"fmt"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

func TestExpiredKeysFindsAllAndOnlyExpiredOnesAcrossPasses(t *testing.T) {
	for _, tag := range []string{"", "{one}"} {
		s := New()
		const keys = 8000
		for i := range keys {
			apply(s, set(fmt.Sprint(tag, i), "v", int64(i), 1)) // 0 never expires
		}
		found := map[string]bool{}
		for from := slot.ID(0); ; {
			var expired [][]byte
			expired, from = s.ExpiredKeys(nil, from, keys/2, 7)
			if len(expired) > 7 {
				t.Fatalf("%d keys, limit 7", len(expired))
			}
			for _, key := range expired {
				found[string(key)] = true
				apply(s, entry.Effect{Kind: entry.EffectDel, Key: key, Reason: entry.ReasonExpire})
			}
			if from == 0 && len(expired) == 0 {
				break
			}
		}
		if len(found) != keys/2 || found[tag+"0"] || !found[fmt.Sprint(tag, keys/2)] || found[fmt.Sprint(tag, keys/2+1)] {
			t.Errorf("tag %q: found %d expired keys, want 1 to %d", tag, len(found), keys/2)
		}
		if expired, _ := s.ExpiredKeys(nil, 0, keys/2+1, 10); len(expired) != 1 || string(expired[0]) != fmt.Sprint(tag, keys/2+1) {
			t.Errorf("tag %q, a moment later: %q", tag, expired)
		}
		mustCheck(t, s, 0)
	}
}

// After a look at a slot in which little has expired, the next look costs what expires then, not what the slot holds.
func TestExpirySearchLooksOnlyWhereSomethingIsDue(t *testing.T) {
	s := New()
	const keys = 40_000
	for i := range keys {
		apply(s, set(fmt.Sprint("{one}", i), "v", 1_000_000+int64(i), 1))
	}
	apply(s, set("{one}early", "v", 10, 1))
	sl := s.Slot(slot.Of([]byte("{one}")))
	for range 2 {
		if expired, _ := s.ExpiredKeys(nil, 0, 10, 100); len(expired) != 1 {
			t.Fatalf("found %q, want the early key", expired)
		}
	}
	apply(s, del("{one}early"))
	if expired, _ := s.ExpiredKeys(nil, 0, 10, 100); len(expired) != 0 {
		t.Fatalf("found %q after the deletion", expired)
	}
	if next := s.nextExpiry[sl.id].Load(); next != 1_000_000 {
		t.Errorf("the slot's earliest expiry is %d, want 1000000", next)
	}
	// What is said of the groups are lower bounds, which the first look at a time corrects.
	if expired, _ := s.ExpiredKeys(nil, 0, 1_000_000, 100); len(expired) != 1 {
		t.Fatalf("found %q, want one key", expired)
	}
	due := 0
	for _, next := range sl.groups {
		if next != 0 && next <= 1_000_000 {
			due++
		}
	}
	if due != 1 || len(sl.groups) < 8 {
		t.Errorf("%d groups of %d are due, want 1 of many", due, len(sl.groups))
	}
}
