package respserver

import (
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

func TestBroadcastTellsOfEveryChangeOfKeysWithItsPrefixes(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, all := track(f, "BCAST PREFIX user: PREFIX {a}b"), track(f, "BCAST")
	other := f.dial()
	for _, change := range []string{"SET user:1 x", "INCR users", "SET user:1 y", "DEL user:1", "SET {a}b 1 PX 20"} { // which expires
		other.do(change)
	}
	for _, want := range []string{"user:1", "user:1", "user:1", "{a}b", "{a}b"} {
		if got := c.recv(); got != ">[invalidate ["+want+"]]" {
			t.Errorf("got %q, want %s", got, want)
		}
	}
	for _, want := range []string{"user:1", "users", "user:1", "user:1", "{a}b", "{a}b"} {
		if got := all.recv(); got != ">[invalidate ["+want+"]]" {
			t.Errorf("without a prefix: got %q, want %s", got, want)
		}
	}
}

// Which keys of these slots a client has cached nobody knows.
func TestBroadcastTellsOfAllKeysWhereSlotsChange(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2})
	c := track(f, "BCAST PREFIX user:")
	s := slot.Of([]byte("elsewhere"))
	f.server.SlotsChanged([]slot.Range{{First: s, Last: s}})
	c.want("PING", ">[invalidate (nil)]")
	if got := c.recv(); got != "+PONG" {
		t.Errorf("behind the invalidation: got %q", got)
	}
	f.replicas[0].lead(false)
	if got := c.recv(); got != ">[invalidate (nil)]" {
		t.Errorf("leadership was lost: got %q", got)
	}
	f.server.SlotsChanged(nil)
	c.want("PING", "+PONG")
}

func TestBroadcastHidesOnesOwnChangesWithNoLoop(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, other := track(f, "BCAST NOLOOP"), f.dial()
	c.want("SET k 1", "+OK", "INCR k", ":2", "PING", "+PONG")
	if bytes := f.server.Stats().TrackingBytes; bytes != 0 {
		t.Errorf("the table of keys takes %d bytes", bytes)
	}
	other.want("INCR k", ":3")
	if got := c.recv(); got != ">[invalidate [k]]" {
		t.Errorf("got %q", got)
	}
}

func TestBroadcastEndsWithTracking(t *testing.T) {
	f := start(t, fixtureConfig{})
	c, other := track(f, "BCAST"), f.dial()
	c.want("CLIENT TRACKING OFF", "+OK")
	other.want("SET k 1", "+OK")
	c.want("PING", "+PONG", "CLIENT TRACKING ON", "+OK", "GET k", "1")
	other.want("SET x 1", "+OK", "SET k 2", "+OK")
	if got := c.recv(); got != ">[invalidate [k]]" {
		t.Errorf("in the default mode: got %q", got)
	}
	_ = c.nc.Close()
	eventually(t, "nobody tracks", func() bool { return f.server.Stats().Tracking == 0 && f.server.tracking.broadcasts.Load() == nil })
}

// Replies are those of redis-server 7.0.15.
func TestTrackingOptionsAreRefusedAsRedisDoes(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.send("HELLO 3")
	c.recv()
	const switched = "-ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling it with a different mode."
	c.want("CLIENT TRACKING ON PREFIX a", "-ERR PREFIX option requires BCAST mode to be enabled",
		"CLIENT TRACKING ON BCAST PREFIX a PREFIX ab", "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.",
		"CLIENT TRACKING ON BCAST PREFIX x PREFIX a PREFIX ab", "-ERR Prefix 'a' overlaps with another provided prefix 'ab'. Prefixes for a single client must not overlap.",
		"CLIENT TRACKING ON BCAST OPTIN", "-ERR OPTIN and OPTOUT are not compatible with BCAST",
		"CLIENT TRACKING ON BCAST PREFIX", "-ERR syntax error",
		"CLIENT TRACKING ON BCAST PREFIX b PREFIX c", "+OK",
		"CLIENT TRACKINGINFO", "[flags [on bcast] redirect :0 prefixes [b c]]",
		"CLIENT TRACKING ON BCAST PREFIX bc", "-ERR Prefix 'bc' overlaps with an existing prefix 'b'. Prefixes for a single client must not overlap.",
		"CLIENT TRACKING ON", switched,
		"CLIENT TRACKING ON BCAST NOLOOP", "+OK",
		"CLIENT TRACKINGINFO", "[flags [on bcast noloop] redirect :0 prefixes [ b c]]",
		"CLIENT CACHING YES", "-ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
		"CLIENT GETREDIR", ":0",
		"CLIENT TRACKING OFF BCAST PREFIX x", "+OK",
		"CLIENT TRACKING ON OPTIN OPTOUT", "-ERR You can't specify both OPTIN mode and OPTOUT mode",
		"CLIENT TRACKING ON OPTIN", "+OK",
		"CLIENT TRACKING ON OPTOUT", "-ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling it with a different mode.",
		"CLIENT TRACKING ON", "+OK",
		"CLIENT TRACKINGINFO", "[flags [on] redirect :0 prefixes []]",
		"CLIENT TRACKING ON BCAST", switched)
}
