package respserver

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/slot"
)

// ask sends a command and returns its reply as it is.
func (c *client) ask(command string) resp.Value {
	c.t.Helper()
	c.send(command)
	v, err := c.in.Read()
	if err != nil {
		c.t.Fatalf("%s: %v", command, err)
	}
	return v
}

// scanPass is a whole pass, with something in between each two steps.
func (c *client) scanPass(options string, between func()) (keys map[string]int) {
	c.t.Helper()
	keys = map[string]int{}
	for cursor, steps := "0", 0; steps == 0 || cursor != "0"; steps++ {
		reply := c.ask("SCAN " + cursor + " " + options)
		if len(reply.Elems) != 2 {
			c.t.Fatalf("SCAN %s: %q", cursor, reply.Str)
		}
		cursor = string(reply.Elems[0].Str)
		if n, err := strconv.ParseUint(cursor, 10, 64); err != nil || n >= 1<<53 {
			c.t.Fatalf("cursor %s: a client that keeps it as a double loses digits", cursor)
		}
		for _, key := range reply.Elems[1].Elems {
			keys[string(key.Str)]++
		}
		between()
	}
	return keys
}

// The goal: a pass misses no key that is there all the time. The method: keys over many slots of two shards, and thousands in
// one slot; between the steps others come and go, so that tables grow, split and shrink.
func TestScanGivesEveryKeyThatStays(t *testing.T) {
	const seed = 11
	r := rand.New(rand.NewPCG(seed, 0))
	c := start(t, fixtureConfig{shards: 2}).dial()
	set := func(key string) { c.want("SET "+key+" v", "+OK") }
	stays := map[string]bool{}
	for i := range 400 {
		stays[fmt.Sprintf("{one}stays%d", i)], stays[fmt.Sprintf("stays%d", i)] = true, true
	}
	for key := range stays {
		set(key)
	}
	come := func(i int) string { return fmt.Sprintf("{one}comes%d", i) }
	for i := range 600 {
		set(come(i))
	}
	grown := 600
	keys := c.scanPass("COUNT 20", func() {
		for range r.IntN(30) {
			if r.IntN(3) > 0 {
				set(come(grown))
				grown++
			} else {
				c.do("DEL " + come(r.IntN(grown)))
			}
		}
	})
	missed := 0
	for key := range stays {
		if keys[key] == 0 {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("seed %d: %d of %d keys were missed", seed, missed, len(stays))
	}
	if grown < 900 {
		t.Errorf("only %d keys came meanwhile", grown-600)
	}
}

func TestScanFiltersByPatternAndType(t *testing.T) {
	c := start(t, fixtureConfig{shards: 2}).dial()
	for i := range 50 {
		c.want(fmt.Sprintf("SET a%d v", i), "+OK", fmt.Sprintf("SET b%d v", i), "+OK")
	}
	for options, want := range map[string]int{
		"": 100, "MATCH a*": 50, "match b1?": 10, "TYPE string": 100, "TYPE STRING match *1": 10, "TYPE hash": 0, "TYPE nosuch": 0, "COUNT 1000": 100,
	} {
		keys := c.scanPass(options, func() {})
		if len(keys) != want {
			t.Errorf("SCAN %s gives %d keys, want %d", options, len(keys), want)
		}
	}
	for pattern, want := range map[string]int{"*": 100, "a*": 50, "nosuch": 0, "[ab]4": 2} {
		if got := len(c.ask("KEYS " + pattern).Elems); got != want {
			t.Errorf("KEYS %s gives %d keys, want %d", pattern, got, want)
		}
	}
	c.want("SCAN x", "-ERR invalid cursor", "SCAN 0 COUNT 0", "-ERR syntax error", "SCAN 0 COUNT", "-ERR syntax error", "SCAN 0 MATCH", "-ERR syntax error",
		"SCAN 0 nosuch x", "-ERR syntax error", "SCAN 18446744073709551616", "-ERR invalid cursor")
}

// A write that is acknowledged from the log alone is seen by what iterates, as by what reads.
func TestIteratingSeesWritesThatAreOnTheirWay(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("KEYS *", "[]", "RANDOMKEY", "(nil)")
	f.replicas[0].log.gate.Lock()
	c.send("SET k v")
	other := f.dial()
	eventually(t, "the write is on its way", func() bool { return f.replicas[0].exec.HasKeys(slot.Of([]byte("k"))) })
	other.send("KEYS *", "SCAN 0", "RANDOMKEY")
	f.replicas[0].log.gate.Unlock()
	for _, want := range []string{"[k]", "[0 [k]]", "k"} {
		if got := other.recv(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A reply of SCAN stays short where keys are long, whatever COUNT says.
func TestScanOfLongKeysComesInParts(t *testing.T) {
	c := start(t, fixtureConfig{}).dial()
	for i := range 40 {
		c.want(fmt.Sprintf("SET {x}%s%d v", strings.Repeat("k", 60_000), i), "+OK", fmt.Sprintf("SET %s%d v", strings.Repeat("k", 60_000), i), "+OK")
	}
	reply := c.ask("SCAN 0 COUNT 1000000")
	if got := len(reply.Elems[1].Elems); string(reply.Elems[0].Str) == "0" || got == 0 || got > 79 {
		t.Errorf("%d keys of 80 in one reply, cursor %s", got, reply.Elems[0].Str)
	}
	if keys := c.scanPass("COUNT 1000000", func() {}); len(keys) != 80 {
		t.Errorf("the whole pass gives %d keys of 80", len(keys))
	}
}

func TestRandomKeyComesFromAnywhere(t *testing.T) {
	c := start(t, fixtureConfig{shards: 2}).dial()
	seen := map[string]bool{}
	for i := range 20 {
		c.want(fmt.Sprintf("SET key%d v", i), "+OK")
	}
	for i := 0; i < 2000 && len(seen) < 20; i++ {
		seen[c.do("RANDOMKEY")] = true
	}
	for key := range seen {
		if !strings.HasPrefix(key, "key") {
			t.Errorf("RANDOMKEY gives %q", key)
		}
	}
	if len(seen) != 20 {
		t.Errorf("2000 times RANDOMKEY give %d of 20 keys", len(seen))
	}
}

// A slot that is just being handed over is waited for; the client can go on with the cursor that it has.
func TestScanWaitsForASlotThatIsBeingHandedOver(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("SET k v", "+OK")
	f.replicas[0].handover.say(frozenTo(slot.Of([]byte("k")), 2))
	reply := c.ask("SCAN 0 COUNT 1000")
	if !strings.HasPrefix(string(reply.Str), "TRYAGAIN ") {
		t.Errorf("SCAN in a frozen slot: %q", reply.Str)
	}
	f.replicas[0].handover.say(nil)
	c.want("SCAN 0 COUNT 1000", "[0 [k]]", "KEYS *", "[k]")
}

// SCAN by slot stays with the run of slots that its cursor begins, and is sent on where that is not served here.
func TestScanBySlotEndsWhereSlotsAreServedElsewhere(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2, others: 1})
	c := f.dial()
	want := map[string]bool{}
	for i := range 200 {
		key := fmt.Sprint("k", i)
		if f.cluster.View().Map.Owner(slot.Of([]byte(key))) < 3 {
			want[key] = true
			c.want("SET "+key+" v", "+OK")
		}
	}
	got, calls := map[string]bool{}, 0
	for cursor := "0"; ; calls++ {
		reply := c.ask("SCAN " + cursor + " COUNT 50 BYSLOT")
		if strings.HasPrefix(string(reply.Str), "MOVED ") {
			n, err := strconv.ParseUint(cursor, 10, 64)
			if first := slot.Split(3)[2].First; err != nil || n != uint64(first) || !strings.HasPrefix(string(reply.Str), fmt.Sprintf("MOVED %d ", first)) {
				t.Errorf("SCAN %s is sent on with %q", cursor, reply.Str)
			}
			break
		}
		if len(reply.Elems) != 2 || calls > 20 {
			t.Fatalf("call %d, SCAN %s: %q", calls, cursor, reply.Str)
		}
		cursor = string(reply.Elems[0].Str)
		for _, key := range reply.Elems[1].Elems {
			got[string(key.Str)] = true
		}
	}
	if len(got) != len(want) || calls < 3 {
		t.Errorf("%d calls give %d keys, want %d in some calls", calls, len(got), len(want))
	}
	c.want("SCAN 0 BYSLOT COUNT", "-ERR syntax error", "SCAN 0 BYSLOT COUNT 10", "-ERR syntax error")
}

// What is empty here tells nothing unless this replica surely leads.
func TestScanBySlotPassesNoSlotUnlessItIsServed(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("SET k v", "+OK")
	s := slot.Of([]byte("gone"))
	f.replicas[0].handover.say(frozenTo(s, 2))
	c.want("SCAN 0 COUNT 1000 BYSLOT", fmt.Sprintf("[%d [k]]", s))
	if reply := c.ask(fmt.Sprintf("SCAN %d BYSLOT", s)); !strings.HasPrefix(string(reply.Str), "ASK ") && !strings.HasPrefix(string(reply.Str), "TRYAGAIN ") {
		t.Errorf("SCAN in a frozen slot: %q", reply.Str)
	}
	f.replicas[0].handover.say(nil)
	c.want(fmt.Sprintf("SCAN %d COUNT 1000 BYSLOT", s), "[0 []]")
}
