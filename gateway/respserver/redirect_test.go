package respserver

import (
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// frozenTo refuses what is asked of one slot: it is being handed over to a shard.
func frozenTo(s slot.ID, to slot.ShardID) func(slot.ID) *apierr.Error {
	return func(asked slot.ID) *apierr.Error {
		if asked != s {
			return nil
		}
		return apierr.AskShard(s, to)
	}
}

// arriving refuses what is asked of one slot: it is not served here yet.
func arriving(s slot.ID) func(slot.ID) *apierr.Error {
	return func(asked slot.ID) *apierr.Error {
		if asked != s {
			return nil
		}
		return apierr.New(apierr.KindImporting, "slot %d is being handed over to this shard; not applied, retry", s)
	}
}

// askText is the ASK error that names the other node.
func askText(s slot.ID) string { return fmt.Sprintf("-ASK %d 127.0.0.1:1", s) }

// migrating notes a migration of one slot in the view, and with stage arriving gives the slot to the shard that gets it.
func (f *fixture) migrating(s slot.ID, from, to slot.ShardID, stage router.MigrationStage) {
	f.t.Helper()
	f.cluster.change(func(v *router.View) {
		v.Migrations = nil
		v.AddMigration(router.Migration{ID: 1, From: from, To: to, Ranges: []slot.Range{{First: s, Last: s}}, Stage: stage})
		if stage != router.MigrationArriving {
			return
		}
		var assignments []slot.Assignment
		for id := range slot.Count {
			owner := v.Map.Owner(slot.ID(id))
			if slot.ID(id) == s {
				owner = to
			}
			assignments = append(assignments, slot.Assignment{Range: slot.Range{First: slot.ID(id), Last: slot.ID(id)}, Shard: owner})
		}
		var err error
		if v.Map, err = slot.NewMap(v.Map.Epoch()+1, assignments); err != nil {
			f.t.Error(err)
		}
	})
}

// startBoth is a node that leads shard 1 of the lower slots and shard 2, whose replica here could serve any slot.
func startBoth(t *testing.T) *fixture {
	f := start(t, fixtureConfig{shards: 2})
	r := newMemReplica(t, 2, []slot.Range{{First: 0, Last: slot.Count - 1}}, f.server)
	r.lead(true)
	r.awaitServing(t)
	f.cluster.mu.Lock()
	f.cluster.replicas[2] = r
	f.cluster.mu.Unlock()
	f.replicas[1] = r
	return f
}

func TestCommandsOfAFrozenSlotAreSentToTheOtherShard(t *testing.T) {
	f := start(t, fixtureConfig{others: 1})
	key, s := "{"+keyIn(f, 0)+"}", slot.Of([]byte(keyIn(f, 0)))
	c, w := f.dial(), f.dial()
	c.want("SET "+key+" 1", "+OK")
	w.want("WATCH "+key, "+OK", "MULTI", "+OK", "SET "+key+" 2", "+QUEUED")
	other := otherKeyIn(f, 0, s)
	f.replicas[0].handover.say(frozenTo(s, 2))
	ask := askText(s)
	c.want("GET "+key, ask, "SET "+key+" 2", ask, "MGET "+key+" "+key+"2", ask, "MSET "+key+" 1 "+key+"2 2", ask, "DEL "+key+" "+key+"2", ask,
		"INCR "+key, ask, "WATCH "+key, ask, "MULTI", "+OK", "INCR "+key, "+QUEUED", "EXEC", ask, "EXEC", "-ERR EXEC without MULTI", "WAIT 0 0", ":0")
	w.want("EXEC", ask, "EXEC", "-ERR EXEC without MULTI")
	// In a pipeline the rest of the shard goes on.
	c.send("SET "+other+" 1", "SET "+key+" 9", "INCR "+other, "GET "+key, "GET "+other)
	for i, want := range []string{"+OK", ask, ":2", ask, "2"} {
		if got := c.recv(); got != want {
			t.Errorf("reply %d: got %q, want %q", i, got, want)
		}
	}
	f.replicas[0].handover.say(nil)
	c.want("GET "+key, "1")
}

// otherKeyIn is a key of another slot of the same shard.
func otherKeyIn(f *fixture, replica int, s slot.ID) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("other%d", i)
		if id := slot.Of([]byte(key)); id != s && f.cluster.View().Map.Owner(id) == f.replicas[replica].shard {
			return key
		}
	}
}

func TestFrozenSlotWhoseNextLeaderIsUnknownIsHeldThenTriedAgain(t *testing.T) {
	f := start(t, fixtureConfig{others: 1})
	key := keyIn(f, 0)
	s := slot.Of([]byte(key))
	f.replicas[0].handover.say(frozenTo(s, 2))
	f.cluster.change(func(v *router.View) { v.Shards[1].Leader = "" })
	begin := time.Now()
	got := f.dial().do("SET " + key + " 1")
	if want := fmt.Sprintf("-TRYAGAIN slot %d is being handed over to shard 2; not applied, ask there", s); got != want || time.Since(begin) < router.HoldMax {
		t.Errorf("got %q after %v, want %q after %v", got, time.Since(begin), want, router.HoldMax)
	}
	write, read := f.dial(), f.dial()
	before := f.replicas[0].reads.Load()
	write.send("SET " + key + " 1")
	read.send("GET " + key)
	eventually(t, "the read is held", func() bool { return f.replicas[0].reads.Load() > before })
	f.cluster.change(func(v *router.View) { v.Shards[1].Leader = otherID })
	if got, want := write.recv()+read.recv(), askText(s)+askText(s); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNodeThatLeadsBothShardsServesTheSlotWhereItArrives(t *testing.T) {
	f := startBoth(t)
	key := keyIn(f, 0)
	s := slot.Of([]byte(key))
	watcher := f.dial()
	watcher.want("WATCH {"+key+"}missing", "+OK", "MULTI", "+OK", "SET "+key+" 5", "+QUEUED")
	f.replicas[0].handover.say(frozenTo(s, 2))
	f.replicas[1].handover.say(arriving(s))
	f.migrating(s, 1, 2, router.MigrationRunning)
	write, read := f.dial(), f.dial()
	write.send("SET "+key+" 1", "GET "+key)
	eventually(t, "the write waits", func() bool { return f.replicas[0].submits.Load() > 0 })
	read.send("EXISTS " + key)
	f.migrating(s, 1, 2, router.MigrationArriving)
	f.replicas[1].handover.say(nil)
	if got := write.recv() + write.recv(); got != "+OK1" {
		t.Errorf("got %q, want +OK and 1", got)
	}
	if got := read.recv(); got != ":0" && got != ":1" {
		t.Errorf("EXISTS: %q", got)
	}
	if f.replicas[0].store.Len() != 0 || f.replicas[1].store.Len() != 1 {
		t.Errorf("shards 1 and 2 hold %d and %d keys", f.replicas[0].store.Len(), f.replicas[1].store.Len())
	}
	// The key was missing at the shard that was asked; whether it came and went meanwhile the other cannot tell.
	watcher.want("EXEC", "(nil)")
}

// A library sends the commands of many callers on one connection. One whose slot is on its way is not refused because those behind
// it, of other slots, were served meanwhile; those of its own slot wait with it.
func TestCommandOfAFrozenSlotIsServedBehindThoseOfOtherSlots(t *testing.T) {
	f := startBoth(t)
	key := keyIn(f, 0)
	s := slot.Of([]byte(key))
	other := otherKeyIn(f, 0, s)
	f.replicas[0].handover.say(frozenTo(s, 2))
	f.replicas[1].handover.say(arriving(s))
	f.migrating(s, 1, 2, router.MigrationRunning)
	c := f.dial()
	c.send("INCR "+key, "INCR "+other, "INCR "+key, "INCR "+other)
	eventually(t, "the others are served", func() bool { return f.replicas[0].store.Len() == 1 })
	f.replicas[1].handover.say(nil)
	for i, want := range []string{":1", ":1", ":2", ":2"} {
		if got := c.recv(); got != want {
			t.Errorf("reply %d: got %q, want %q", i, got, want)
		}
	}
}

func TestAskingIsForOneCommand(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 1})
	key := "{" + keyIn(f, 1) + "}" // by the slot map the other node's
	s := slot.Of([]byte(keyIn(f, 1)))
	r := newMemReplica(t, 1, []slot.Range{{First: 0, Last: slot.Count - 1}}, f.server)
	r.lead(true)
	r.awaitServing(t)
	f.cluster.mu.Lock()
	f.cluster.replicas[1] = r
	f.cluster.mu.Unlock()
	moved := "-" + f.movedText(s)
	f.dial().want("SET "+key+" 1", moved, "ASKING", "+OK", "SET "+key+" 1", "+OK", "GET "+key, moved,
		"ASKING", "+OK", "GET "+key, "1", "GET "+key, moved,
		"ASKING", "+OK", "MGET "+key+" "+key+"2", "[1 (nil)]",
		"ASKING", "+OK", "PING", "+PONG", "GET "+key, moved,
		"ASKING", "+OK", "ASKING", "+OK", "GET "+key, "1",
		"ASKING", "+OK", "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: ", "GET "+key, moved,
		"ASKING", "+OK", "WATCH "+key, "+OK", "ASKING", "+OK", "MULTI", "+OK", "INCR "+key, "+QUEUED", "GET "+key, "+QUEUED", "EXEC", "[:2 2]", "GET "+key, moved,
		"MULTI", "+OK", "GET "+key, moved, "EXEC", "-EXECABORT Transaction discarded because of previous errors.",
		"ASKING", "+OK", "MULTI", "+OK", "GET "+key, "+QUEUED", "DISCARD", "+OK", "GET "+key, moved,
		"MULTI", "+OK", "ASKING", "+QUEUED", "EXEC", "[+OK]", "GET "+key, moved,
		"ASKING", "+OK", "RESET", "+RESET", "GET "+key, moved)
	c := f.dial()
	c.send("ASKING", "GET "+key, "GET "+key, "ASKING", "INCR "+key, "ASKING", "MULTI", "INCR "+key, "EXEC", "INCR "+key)
	for i, want := range []string{"+OK", "2", moved, "+OK", ":3", "+OK", "+OK", "+QUEUED", "[:4]", moved} {
		if got := c.recv(); got != want {
			t.Errorf("reply %d of the pipeline: got %q, want %q", i, got, want)
		}
	}
}

func TestAskingCommandsWaitUntilTheSlotIsServed(t *testing.T) {
	f := startBoth(t)
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = otherID })
	f.replicas[0].lead(false)
	key := keyIn(f, 0)
	s := slot.Of([]byte(key))
	f.replicas[1].handover.say(arriving(s))
	begin := time.Now()
	c := f.dial()
	c.want("ASKING", "+OK", "SET "+key+" 1", fmt.Sprintf("-TRYAGAIN slot %d is being handed over to this shard; not applied, retry", s))
	if took := time.Since(begin); took < router.HoldMax {
		t.Errorf("it was held for %v, want %v", took, router.HoldMax)
	}
	c.want("SET "+key+" 1", "-"+f.movedText(s), "GET "+key, "-"+f.movedText(s))
	c.send("ASKING", "SET "+key+" 1", "ASKING", "GET "+key)
	eventually(t, "the write is held", func() bool { return f.server.Stats().Commands["set"] == 3 })
	f.replicas[1].handover.say(nil)
	for i, want := range []string{"+OK", "+OK", "+OK", "1"} {
		if got := c.recv(); got != want {
			t.Errorf("reply %d: got %q, want %q", i, got, want)
		}
	}
}

// The slot map gives the slot to a shard whose replicas have not heard of it: order is kept, and nobody has to retry.
func TestCommandsOfASlotThatIsArrivingWaitInOrder(t *testing.T) {
	f := startBoth(t)
	key, later := keyIn(f, 0), keyIn(f, 1)
	s := slot.Of([]byte(key))
	f.replicas[1].handover.say(arriving(s))
	f.migrating(s, 1, 2, router.MigrationArriving)
	c := f.dial()
	c.send("SET "+later+" 1", "SET "+key+" 1", "INCR "+later, "GET "+key)
	eventually(t, "the write before is done", func() bool { return f.replicas[1].store.Len() == 1 })
	f.replicas[1].handover.say(nil)
	for i, want := range []string{"+OK", "+OK", ":2", "1"} {
		if got := c.recv(); got != want {
			t.Errorf("reply %d: got %q, want %q", i, got, want)
		}
	}
}

// Its shard has handed the slot over, so the replica here shows nothing of it, however old.
func TestStaleReadsOfASlotThatHasLeftAreSentOn(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 1})
	key := keyIn(f, 0)
	s := slot.Of([]byte(key))
	c := f.dial()
	c.want("SET "+key+" 1", "+OK", "READONLY", "+OK", "GET "+key, "1")
	f.replicas[0].handover.say(frozenTo(s, 2))
	c.want("GET "+key, askText(s))
	f.replicas[0].lead(false)
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = otherID })
	c.want("GET "+key, "-"+f.movedText(s))
	f.replicas[0].handover.say(func(slot.ID) *apierr.Error { return apierr.New(apierr.KindNotOwned, "not owned") })
	c.want("GET "+key, "-"+f.movedText(s))
}

func TestFlushWaitsWhileSlotsAreHandedOver(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2})
	c := f.dial()
	c.want("SET "+keyIn(f, 0)+" 1", "+OK", "SET "+keyIn(f, 1)+" 1", "+OK")
	busy := func(slot.ID) *apierr.Error {
		return apierr.New(apierr.KindTryAgain, "shard 1: slots are being handed over; not applied, repeat in a moment")
	}
	f.replicas[0].handover.say(busy)
	c.want("FLUSHALL", "-TRYAGAIN shard 1: slots are being handed over; not applied, repeat in a moment")
	if f.replicas[0].store.Len() != 1 || f.replicas[1].store.Len() != 0 {
		t.Errorf("shards hold %d and %d keys", f.replicas[0].store.Len(), f.replicas[1].store.Len())
	}
	asked := 0 // once at once, and then once in every reroutePause
	f.replicas[0].handover.say(func(s slot.ID) *apierr.Error {
		if asked++; asked > 2 {
			return nil
		}
		return busy(s)
	})
	if got := c.do("FLUSHALL"); got != "+OK" || f.replicas[0].store.Len() != 0 {
		t.Errorf("got %q, %d keys are left", got, f.replicas[0].store.Len())
	}
}

// The others have heard of the decision and send clients here; the slot map of this node gives the slot to them still.
func TestSlotThatHasArrivedIsNotSentBackByAnOldSlotMap(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 1})
	key := "{" + keyIn(f, 1) + "}" // by the slot map the other node's
	s := slot.Of([]byte(keyIn(f, 1)))
	r := newMemReplica(t, 1, []slot.Range{{First: 0, Last: slot.Count - 1}}, f.server)
	r.lead(true)
	r.awaitServing(t)
	f.cluster.mu.Lock()
	f.cluster.replicas[1] = r
	f.cluster.mu.Unlock()
	c := f.dial()
	c.want("GET "+key, "-"+f.movedText(s))
	r.holds.Store(true)
	c.want("SET "+key+" 1", "+OK", "GET "+key, "1", "MGET "+key+" "+key+"2", "[1 (nil)]", "WATCH "+key, "+OK",
		"MULTI", "+OK", "INCR "+key, "+QUEUED", "EXEC", "[:2]")
	// The copy is here, and whether it counts is just being decided.
	r.handover.say(arriving(s))
	c.send("GET "+key, "INCR "+key)
	eventually(t, "the read is held", func() bool { return f.server.Stats().Commands["get"] == 3 })
	r.handover.say(nil)
	if got := c.recv() + c.recv(); got != "2:3" {
		t.Errorf("got %q, want 2 and :3", got)
	}
}

// This node led the shard that gets the slot when the client was sent here.
func TestAskingClientIsNotSentBackToTheShardThatSentIt(t *testing.T) {
	f := start(t, fixtureConfig{shards: 1, others: 2})
	key := keyIn(f, 1)
	s := slot.Of([]byte(key))
	f.migrating(s, 2, 3, router.MigrationRunning)
	moved, ask := "-"+f.movedText(s), askText(s)
	c := f.dial()
	c.want("SET "+key+" 1", moved, "ASKING", "+OK", "SET "+key+" 1", ask, "ASKING", "+OK", "GET "+key, ask, "ASKING", "+OK", "WATCH "+key, ask,
		"ASKING", "+OK", "MULTI", "+OK", "INCR "+key, ask, "EXEC", "-EXECABORT Transaction discarded because of previous errors.", "GET "+key, moved)
	f.cluster.change(func(v *router.View) { v.Shards[2].Leader = "" })
	begin := time.Now()
	c.want("ASKING", "+OK", "GET "+key, fmt.Sprintf("-TRYAGAIN slot %d is being handed over from shard 2 to shard 3; not applied, retry", s))
	if took := time.Since(begin); took < router.HoldMax {
		t.Errorf("it was held for %v, want %v", took, router.HoldMax)
	}
	c.send("ASKING", "SET "+key+" 1")
	eventually(t, "the write is held", func() bool { return f.server.Stats().Commands["set"] == 3 })
	f.cluster.change(func(v *router.View) { v.Shards[2].Leader = otherID })
	if got := c.recv() + c.recv(); got != "+OK"+ask {
		t.Errorf("got %q, want +OK and %q", got, ask)
	}
}

// The slot map here does not know yet that the shard has slots.
func TestFlushEmptiesAShardThatHasNoSlotsByAnOldSlotMap(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2})
	c := f.dial()
	c.want("SET "+keyIn(f, 0)+" 1", "+OK", "SET "+keyIn(f, 1)+" 1", "+OK")
	f.cluster.change(func(v *router.View) {
		old, err := slot.NewMap(v.Map.Epoch()+1, []slot.Assignment{{Range: slot.Range{First: 0, Last: slot.Count - 1}, Shard: 1}})
		if err != nil {
			t.Error(err)
			return
		}
		v.Map = old
	})
	c.want("FLUSHALL", "+OK")
	if f.replicas[0].store.Len() != 0 || f.replicas[1].store.Len() != 0 {
		t.Errorf("shards hold %d and %d keys", f.replicas[0].store.Len(), f.replicas[1].store.Len())
	}
}
