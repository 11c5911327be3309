package respserver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

// movedText is the MOVED error that names the other node.
func (f *fixture) movedText(s slot.ID) string { return fmt.Sprintf("MOVED %d 127.0.0.1:1", s) }

func TestCommandsOfASlotLedElsewhereAreMoved(t *testing.T) {
	f := start(t, fixtureConfig{others: 1})
	key := keyIn(f, 1)
	moved := "-" + f.movedText(slot.Of([]byte(key)))
	f.dial().want("GET "+key, moved, "SET "+key+" 1", moved, "READONLY", "+OK", "GET "+key, moved,
		"SET "+key+" 1", moved, "READWRITE", "+OK", "WATCH "+key, moved, "ASKING", "+OK", "GET "+key, moved)
	unknown := strings.Repeat("0", 40) + " 1 "
	f.dial().want("EVALSHA "+unknown+key, moved, "EVALSHA_RO "+unknown+key, moved,
		"EVALSHA "+unknown+keyIn(f, 0), "-NOSCRIPT No matching script. Please use EVAL.", "EVALSHA_RO "+unknown+keyIn(f, 0), "-NOSCRIPT No matching script. Please use EVAL.")
}

func TestCommandsAreHeldUntilALeaderAppears(t *testing.T) {
	f := start(t, fixtureConfig{waiting: true})
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = "" })
	write, read := f.dial(), f.dial()
	write.send("SET a 1", "GET a")
	read.send("GET b")
	eventually(t, "both connections run their commands", func() bool { return f.server.Stats().Commands["get"] >= 1 && f.server.Stats().Commands["set"] == 1 })
	f.replicas[0].lead(true)
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = selfID })
	if got := write.recv() + write.recv() + read.recv(); got != "+OK1(nil)" {
		t.Fatalf("got %q", got)
	}
}

func TestCommandsThatFindNoLeaderAreAnsweredInTime(t *testing.T) {
	f := start(t, fixtureConfig{waiting: true})
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = "" })
	begin := time.Now()
	got := f.dial().do("SET a 1")
	took := time.Since(begin)
	want := fmt.Sprintf("-CLUSTERDOWN The cluster is down: no leader is known for slot %d; not applied, retry", slot.Of([]byte("a")))
	if got != want || took < router.HoldMax {
		t.Fatalf("got %q after %v, want %q after %v", got, took, want, router.HoldMax)
	}
}

// A planned transfer: what the old leader refuses goes to the new one, or the client is told of it.
func TestPlannedTransferIsNoError(t *testing.T) {
	f := start(t, fixtureConfig{})
	r := f.replicas[0]
	c := f.dial()
	c.want("SET a 1", "+OK")
	if err := r.exec.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.send("SET a 2", "GET a")
	eventually(t, "the write waits", func() bool { return r.submits.Load() == 2 })
	r.lead(false)
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader, v.Shards[0].Term = otherID, 2 })
	moved := "-" + f.movedText(slot.Of([]byte("a")))
	if first, second := c.recv(), c.recv(); first != moved || second != moved {
		t.Fatalf("got %q and %q, want %q", first, second, moved)
	}
}

// Leadership that comes back: the write that was refused is done, once, and the client sees no error.
func TestRefusedWriteIsRoutedAgain(t *testing.T) {
	f := start(t, fixtureConfig{})
	r := f.replicas[0]
	c := f.dial()
	c.want("INCR a", ":1")
	if err := r.exec.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.send("INCR a", "GET a", "INCR a")
	eventually(t, "the write waits", func() bool { return r.submits.Load() == 2 })
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = "" })
	r.lead(false)
	eventually(t, "the executor has noticed", func() bool { return r.submits.Load() >= 2 && !r.Leads() })
	r.lead(true)
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = selfID })
	if got := c.recv() + c.recv() + c.recv(); got != ":22:3" {
		t.Fatalf("got %q, want :2, 2, :3", got)
	}
}

func TestStaleReadsAreServedByAnyReplica(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("SET a 1", "+OK")
	f.replicas[0].lead(false)
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = otherID })
	moved := "-" + f.movedText(slot.Of([]byte("a")))
	c.want("GET a", moved, "READONLY", "+OK", "GET a", "1", "SET a 2", moved, "READWRITE", "+OK", "GET a", moved,
		"CLIENT READMODE STALE", "+OK", "GET a", "1", "CLIENT READMODE INDEX", "+OK", "GET a", moved)
}

func TestAsyncWritesAreDone(t *testing.T) {
	f := start(t, fixtureConfig{})
	f.dial().want("CLIENT DURABILITY ASYNC", "+OK", "SET a 1", "+OK", "GET a", "1", "CLIENT DURABILITY MAJORITY", "+OK", "INCR a", ":2",
		"CLIENT DURABILITY SOON", "-ERR syntax error")
}
