package respserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

func track(f *fixture, options string) *client {
	c := f.dial()
	c.send("HELLO 3")
	c.recv()
	c.want(strings.TrimSpace("CLIENT TRACKING ON "+options), "+OK")
	return c
}

func TestTrackedReadIsInvalidatedByEveryKindOfChange(t *testing.T) {
	f := start(t, fixtureConfig{})
	other := f.dial()
	for _, change := range []string{"SET k 2", "INCR k", "DEL k", "EXPIRE k 100", "APPEND k x", "FLUSHALL"} {
		other.want("SET k 1", "+OK")
		c := track(f, "")
		c.want("GET k", "1")
		other.do(change)
		if got := c.recv(); got != ">[invalidate [k]]" {
			t.Errorf("%s: got %q", change, got)
		}
	}
}

func TestExpiryInvalidates(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := track(f, "")
	f.dial().want("SET k 1 PX 150", "+OK")
	c.want("GET k", "1")
	if got := c.recv(); got != ">[invalidate [k]]" {
		t.Fatalf("got %q", got)
	}
}

func TestOnlyTheFirstChangeAfterAReadIsTold(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, other := track(f, ""), f.dial()
	c.want("GET k", "(nil)")
	other.want("SET k 1", "+OK", "SET k 2", "+OK", "SET k 3", "+OK")
	c.want("PING", ">[invalidate [k]]")
	if got := c.recv(); got != "+PONG" {
		t.Fatalf("got %q after the invalidation, want +PONG", got)
	}
}

func TestOptInTracksWhatFollowsCachingYes(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, other := track(f, "OPTIN"), f.dial()
	// What rueidis sends for DoCache, then a read that is not tracked.
	c.want("GET {k}1", "(nil)", "CLIENT CACHING YES", "+OK", "MULTI", "+OK", "PTTL {k}2", "+QUEUED", "GET {k}2", "+QUEUED",
		"EXEC", "[:-2 (nil)]", "CLIENT CACHING YES", "+OK", "GET {k}3", "(nil)", "GET {k}4", "(nil)")
	other.want("SET {k}1 x", "+OK", "SET {k}4 x", "+OK", "SET {k}2 x", "+OK", "SET {k}3 x", "+OK")
	if got := c.recv() + c.recv(); got != ">[invalidate [{k}2]]>[invalidate [{k}3]]" {
		t.Fatalf("got %q", got)
	}
}

func TestOptOutLeavesOutWhatFollowsCachingNo(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, other := track(f, "OPTOUT"), f.dial()
	c.want("CLIENT CACHING NO", "+OK", "GET a", "(nil)", "GET b", "(nil)")
	other.want("SET a x", "+OK", "SET b x", "+OK")
	if got := c.recv(); got != ">[invalidate [b]]" {
		t.Fatalf("got %q", got)
	}
}

// The registration comes before the read is evaluated: a change in between is heard of, whatever the read has seen.
func TestChangeBetweenRegistrationAndReadIsTold(t *testing.T) {
	f := start(t, fixtureConfig{})
	other := f.dial()
	c := track(f, "")
	before := func() {
		f.replicas[0].beforeRead.Store(nil)
		other.want("SET k new", "+OK")
	}
	f.replicas[0].beforeRead.Store(&before)
	c.want("GET k", "new")
	if got := c.recv(); got != ">[invalidate [k]]" {
		t.Fatalf("got %q", got)
	}
}

// A client that drops what it has cached when an invalidation comes must not get the value behind it.
func TestInvalidationNeverOvertakesTheReplyItIsAbout(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := track(f, "")
	for i := range 200 {
		key := fmt.Sprintf("k%d", i)
		c.send("GET "+key, "SET "+key+" 1")
		if got := c.recv() + c.recv() + c.recv(); got != "(nil)+OK>[invalidate ["+key+"]]" {
			t.Fatalf("%s: got %q", key, got)
		}
	}
}

func TestNoLoopHidesOnesOwnChangesOnly(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, other := track(f, "NOLOOP"), f.dial()
	for _, round := range [][]string{{"GET k", "(nil)", "SET k 1", "+OK"}, {"INCR k", ":2"}, {"MULTI", "+OK", "INCR k", "+QUEUED", "EXEC", "[:3]"}} {
		c.want(round...)
		c.want("PING", "+PONG")
	}
	other.want("SET k 4", "+OK") // still tracked
	if got := c.recv(); got != ">[invalidate [k]]" {
		t.Fatalf("got %q", got)
	}
	c.want("GET k", "4", "DEL k", ":1", "SETNX nosuch 1", ":1", "PING", "+PONG")
}

// Both writes travel in one batch, of which the state machine tells once: the version says that the last was not ours.
func TestNoLoopTellsOfAChangeInTheSameBatch(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, other := track(f, "NOLOOP"), f.dial()
	c.want("GET k", "(nil)")
	gate := &f.replicas[0].log.gate
	gate.Lock()
	submits := f.replicas[0].submits.Load()
	c.send("SET k mine")
	eventually(t, "the first write is submitted", func() bool { return f.replicas[0].submits.Load() == submits+1 })
	other.send("SET k theirs")
	eventually(t, "the second write is submitted", func() bool { return f.replicas[0].submits.Load() == submits+2 })
	gate.Unlock()
	if got := other.recv(); got != "+OK" {
		t.Fatalf("got %q", got)
	}
	seen := c.recv() + c.recv()
	if got := f.dial().do("GET k"); seen != "+OK>[invalidate [k]]" && got == "theirs" {
		t.Fatalf("got %q though the key holds %q", seen, got)
	}
}

func TestTrackingIsRefusedWhereItWouldBeSilent(t *testing.T) {
	f := start(t, fixtureConfig{})
	resp2 := "-ERR invalidations need RESP3: send HELLO 3 first, or REDIRECT them to another connection"
	f.dial().want("CLIENT TRACKING ON", resp2, "CLIENT TRACKING ON REDIRECT 1000", "-ERR The client ID you want redirect to does not exist",
		"CLIENT CACHING YES", "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
		"CLIENT GETREDIR", ":-1", "CLIENT TRACKINGINFO", "[flags [off] redirect :-1 prefixes []]")
	c := track(f, "OPTIN NOLOOP")
	c.want("CLIENT TRACKING ON BCAST", "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode.",
		"CLIENT TRACKING ON OPTIN OPTOUT", "-ERR You can't specify both OPTIN mode and OPTOUT mode",
		"CLIENT TRACKING ON OPTOUT", "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
		"HELLO 2", "-ERR invalidations need RESP3; CLIENT TRACKING OFF first",
		"CLIENT TRACKINGINFO", "[flags [on optin noloop] redirect :0 prefixes []]",
		"CLIENT TRACKING OFF", "+OK", "CLIENT GETREDIR", ":-1")
}

func TestTrackingTableIsBounded(t *testing.T) {
	f := start(t, fixtureConfig{limits: Limits{TrackingBytesMax: 10 * (trackedOverheadBytes + 4)}})
	c := track(f, "")
	invalidated := 0
	for i := range 40 {
		c.send(fmt.Sprintf("GET k%03d", i))
		for {
			got := c.recv()
			if got == "(nil)" {
				break
			}
			invalidated++
		}
		if used := f.server.Stats().TrackingBytes; used > int64(10*(trackedOverheadBytes+4)) {
			t.Fatalf("the table takes %d bytes", used)
		}
	}
	for invalidated < 30 {
		c.recv()
		invalidated++
	}
}

func TestTooManyInvalidationsBecomeOneOfAllKeys(t *testing.T) {
	f := start(t, fixtureConfig{limits: Limits{PushBytesMax: 100}})
	c := track(f, "")
	var reads []string
	for i := range 50 {
		reads = append(reads, fmt.Sprintf("GET k%d", i), "(nil)")
	}
	c.want(reads...)
	var writes []string
	for i := range 50 {
		writes = append(writes, fmt.Sprintf("SET k%d 1", i))
	}
	c.send(writes...) // one round: what is invalidated waits for its end
	for range writes {
		if got := c.recv(); got != "+OK" {
			t.Fatalf("got %q", got)
		}
	}
	if got := c.recv(); got != ">[invalidate (nil)]" {
		t.Fatalf("got %q", got)
	}
}

func TestSlotsChangedInvalidatesTheirKeysOnly(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := track(f, "")
	c.want("GET a", "(nil)", "GET b", "(nil)")
	s := slot.Of([]byte("a"))
	f.server.SlotsChanged([]slot.Range{{First: s, Last: s}})
	if got := c.recv(); got != ">[invalidate [a]]" {
		t.Fatalf("got %q", got)
	}
	f.server.SlotsChanged([]slot.Range{{First: 0, Last: slot.Count - 1}})
	if got := c.recv(); got != ">[invalidate (nil)]" {
		t.Fatalf("got %q", got)
	}
}

func TestLostLeadershipInvalidates(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2})
	c := track(f, "")
	key := keyIn(f, 0)
	c.want("GET "+key, "(nil)", "GET "+keyIn(f, 1), "(nil)")
	f.replicas[0].lead(false)
	if got := c.recv(); got != ">[invalidate ["+key+"]]" {
		t.Fatalf("got %q", got)
	}
}

func TestTableIsEmptyAfterTheLastTrackerLeft(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := track(f, "")
	c.want("GET a", "(nil)", "GET b", "(nil)")
	_ = c.nc.Close()
	eventually(t, "the table is empty", func() bool {
		st := f.server.Stats()
		return st.Tracking == 0 && st.TrackingBytes == 0
	})
}

func BenchmarkKeyChangedWithoutTrackers(b *testing.B) {
	s := start(b, fixtureConfig{}).server
	key := []byte("some:key")
	b.ReportAllocs()
	for b.Loop() {
		s.KeyChanged(key)
	}
}
