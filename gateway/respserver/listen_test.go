package respserver

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

func (c *client) wantPushed(want ...string) {
	c.t.Helper()
	for _, w := range want {
		if got := c.recv(); got != w {
			c.t.Fatalf("got %q, want %q", got, w)
		}
	}
}

func TestListenerHearsWhileItWaitsAndWhileItSends(t *testing.T) {
	f := start(t, fixtureConfig{})
	for _, greeting := range []string{"PING", "HELLO 3"} {
		a, b := f.dial(), f.dial()
		a.do(greeting)
		a.send("SUBSCRIBE news")
		a.recv()
		for i := range 50 {
			b.want(fmt.Sprintf("PUBLISH news %d", i), ":1")
			if got := strings.TrimPrefix(a.recv(), ">"); got != fmt.Sprintf("[message news %d]", i) {
				t.Fatalf("got %q", got)
			}
		}
		a.want("RESET", "+RESET")
		b.want("PUBLISH news x", ":0")
	}
}

// What was published before an UNSUBSCRIBE comes before its reply, and nothing comes after it. The round in which it is waits for a
// write while the message is published.
func TestNoMessageComesBehindTheEndOfItsSubscription(t *testing.T) {
	f := start(t, fixtureConfig{})
	a, b := f.dial(), f.dial()
	a.send("HELLO 3", "SUBSCRIBE x y")
	a.recv()
	a.wantPushed(">[subscribe x :1]", ">[subscribe y :2]")
	gate := &f.replicas[0].log.gate
	gate.Lock()
	submits := f.replicas[0].submits.Load()
	a.send("SET k 1", "UNSUBSCRIBE x", "GET k")
	eventually(t, "the round has begun", func() bool { return f.replicas[0].submits.Load() > submits })
	b.want("PUBLISH x 1", ":1", "PUBLISH y 2", ":1")
	gate.Unlock()
	a.wantPushed("+OK", ">[message x 1]", ">[message y 2]", ">[unsubscribe x :1]", "1")
	b.want("PUBLISH x 3", ":0", "PUBLISH y 4", ":1")
	a.wantPushed(">[message y 4]")
}

func TestInvalidationComesBeforeTheMessageThatTellsOfTheChange(t *testing.T) {
	f := start(t, fixtureConfig{})
	a, b := track(f, ""), f.dial()
	a.want("SUBSCRIBE changes", ">[subscribe changes :1]")
	for range 50 {
		a.send("GET k")
		a.recv()
		b.do("INCR k")
		b.want("PUBLISH changes k", ":1")
		a.wantPushed(">[invalidate [k]]", ">[message changes k]")
	}
	a.want("CLIENT TRACKING OFF", "+OK")
	b.want("PUBLISH changes still", ":1")
	a.wantPushed(">[message changes still]")
}

func TestRepliesThatAreSwitchedOffDoNotKeepMessagesBack(t *testing.T) {
	f := start(t, fixtureConfig{})
	a, b := f.dial(), f.dial()
	a.send("CLIENT REPLY OFF", "SUBSCRIBE x")
	a.wantPushed("[subscribe x :1]")
	b.want("PUBLISH x 1", ":1")
	a.wantPushed("[message x 1]")
}

func TestClientListShowsWhoListensToWhat(t *testing.T) {
	f := start(t, fixtureConfig{})
	a, b := f.dial(), f.dial()
	a.send("CLIENT SETNAME ears", "SUBSCRIBE x y", "PSUBSCRIBE p", "SSUBSCRIBE s")
	for range 5 {
		a.recv()
	}
	list := b.do("CLIENT LIST TYPE pubsub")
	if strings.Count(list, "\n") != 1 || !strings.Contains(list, "name=ears ") || !strings.Contains(list, " flags=P ") || !strings.Contains(list, " sub=2 psub=1 ssub=1 ") {
		t.Errorf("CLIENT LIST TYPE pubsub: %q", list)
	}
	if list := b.do("CLIENT LIST TYPE normal"); strings.Count(list, "\n") != 1 || strings.Contains(list, "name=ears") {
		t.Errorf("CLIENT LIST TYPE normal: %q", list)
	}
	info := b.do("INFO")
	for _, want := range []string{"pubsub_clients:1\r\n", "pubsub_channels:2\r\n", "pubsub_patterns:1\r\n", "pubsubshard_channels:1\r\n"} {
		if !strings.Contains(info, want) {
			t.Errorf("INFO has no %q", want)
		}
	}
	b.want("CLIENT KILL TYPE pubsub", ":1", "PING", "+PONG")
	a.wantClosed()
	eventually(t, "the subscriptions have ended", func() bool { return b.do("PUBSUB NUMSUB x") == "[x :0]" })
}

func TestIdleListenersAreNotClosed(t *testing.T) {
	f := start(t, fixtureConfig{limits: Limits{IdleTimeout: 300 * time.Millisecond}})
	a, idle := f.dial(), f.dial()
	a.want("SUBSCRIBE x", "[subscribe x :1]")
	idle.wantClosed()
	f.dial().want("PUBLISH x 1", ":1")
	a.wantPushed("[message x 1]")
}

// A client that does not read is bounded, and closed; others hear of nothing.
func TestListenerThatDoesNotReadIsClosed(t *testing.T) {
	const limit = 1 << 20
	f := start(t, fixtureConfig{limits: Limits{MessageBytesMax: limit, MessageBytesSoft: limit}})
	slow, other, b := f.dial(), f.dial(), f.dial()
	slow.want("SUBSCRIBE x", "[subscribe x :1]")
	other.want("SUBSCRIBE x", "[subscribe x :1]")
	payload := strings.Repeat("v", 64<<10)
	heard := 0
	eventually(t, "the slow one is closed", func() bool {
		b.do("PUBLISH x " + payload)
		other.recv()
		heard++
		return b.do("PUBSUB NUMSUB x") == "[x :1]"
	})
	slow.wantClosed()
	if got := f.server.Stats().SlowListeners; got != 1 {
		t.Errorf("SlowListeners is %d, want 1", got)
	}
	other.want("PING", "[pong ]")
}

// With synctest's clock: a client may have more than the soft limit waiting, but not for long.
func TestListenerOverTheSoftLimitHasSomeTime(t *testing.T) {
	for _, catchesUp := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			here, there := net.Pipe()
			defer here.Close()
			defer there.Close()
			o := &output{nc: here, limits: &Limits{MessageBytesMax: 1 << 20, MessageBytesSoft: 1 << 10, MessageSoftMax: time.Minute}, ready: make(chan struct{}, 1)}
			o.deliver(resp.Push(resp.BulkString(strings.Repeat("x", 2<<10))), 3)
			time.Sleep(59 * time.Second)
			synctest.Wait()
			if o.cut.Load() {
				t.Fatal("cut before its time")
			}
			if catchesUp {
				o.mu.Lock()
				o.takePushesLocked(nil)
				o.mu.Unlock()
				o.deliver(resp.Push(resp.BulkString(strings.Repeat("x", 2<<10))), 3)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if o.cut.Load() == catchesUp {
				t.Errorf("caught up: %v, cut: %v", catchesUp, o.cut.Load())
			}
			o.mu.Lock()
			o.notSlowLocked()
			o.mu.Unlock()
		})
	}
}

func TestMessagesAreTakenInOrderAndCounted(t *testing.T) {
	var q messageQueue
	var want, got []byte
	for i := range 3000 {
		message := resp.Push(resp.BulkString(strings.Repeat("x", i%500)), resp.Int(int64(i)))
		want = message.Append(want, 3)
		q.add(message, 3)
		if i%7 == 0 {
			got = q.take(got, 2000)
		}
		if q.bytes != len(want)-len(got) {
			t.Fatalf("%d bytes wait, counted %d", len(want)-len(got), q.bytes)
		}
	}
	for q.bytes > 0 {
		got = q.take(got, 1)
	}
	if string(got) != string(want) || q.bytes != 0 || len(q.pieces) > 1 {
		t.Errorf("%d bytes were taken of %d; %d pieces are left", len(got), len(want), len(q.pieces))
	}
}

func TestShardChannelsOfOtherNodesAreMoved(t *testing.T) {
	f := start(t, fixtureConfig{others: 1})
	here, there := keyIn(f, 0), keyIn(f, 1)
	c := f.dial()
	moved := fmt.Sprintf("-MOVED %d 127.0.0.1:1", slot.Of([]byte(there)))
	c.want("SSUBSCRIBE "+there, moved, "SPUBLISH "+there+" 1", moved, "SSUBSCRIBE "+here+" "+there, "-CROSSSLOT Keys in request don't hash to the same slot",
		"SPUBLISH "+here+" 1", ":0", "MULTI", "+OK", "SPUBLISH "+there+" 1", moved, "EXEC", "-EXECABORT Transaction discarded because of previous errors.",
		"GET "+here, "(nil)")
}

// A slot that goes elsewhere, or a shard that is not led here any more, takes its listeners along: they are told.
func TestShardListenersAreToldWhenTheirSlotIsLedElsewhere(t *testing.T) {
	for what, leave := range map[string]func(f *fixture){
		"the slot moves": func(f *fixture) {
			f.cluster.change(func(v *router.View) {
				m, err := slot.NewMap(2, []slot.Assignment{{Range: slot.Range{First: 0, Last: slot.Count - 1}, Shard: 2}})
				if err != nil {
					t.Error(err)
					return
				}
				v.Map = m
			})
		},
		"another node leads": func(f *fixture) {
			f.replicas[0].lead(false)
			f.cluster.change(func(v *router.View) { v.Shards[0].Leader = otherID })
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := start(t, fixtureConfig{shards: 1, others: 1})
			name := keyIn(f, 0)
			a, b := f.dial(), f.dial()
			a.want("SSUBSCRIBE "+name, "[ssubscribe "+name+" :1]")
			b.want("SPUBLISH "+name+" 1", ":1")
			a.wantPushed("[smessage " + name + " 1]")
			leave(f)
			a.wantPushed("[sunsubscribe " + name + " :0]")
			if got := f.server.hub.Count(pubsub.ShardChannel); got != 0 {
				t.Errorf("%d shard channels are left", got)
			}
			moved := fmt.Sprintf("-MOVED %d 127.0.0.1:1", slot.Of([]byte(name)))
			a.want("SSUBSCRIBE "+name, moved, "GET k", a.do("GET k"))
		})
	}
}
