package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// farNodes are other nodes, which note what they are sent.
type farNodes struct {
	mu    sync.Mutex // protects the fields below
	got   map[string][]string
	opens int
	down  map[string]bool
	open  map[string]*farCarrier
	// gate, where set, keeps Send waiting until it is closed.
	gate chan struct{}
}

func newFarNodes() *farNodes {
	return &farNodes{got: map[string][]string{}, down: map[string]bool{}, open: map[string]*farCarrier{}}
}

func (n *farNodes) Open(_ context.Context, node string) (Carrier, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.opens++
	if n.down[node] {
		return nil, errors.New("down")
	}
	c := &farCarrier{n: n, node: node, broken: make(chan struct{})}
	n.open[node] = c
	return c, nil
}

type farCarrier struct {
	n      *farNodes
	node   string
	broken chan struct{}
	once   sync.Once
}

func (c *farCarrier) Send(messages []Published) error {
	c.n.mu.Lock()
	gate := c.n.gate
	c.n.mu.Unlock()
	if gate != nil {
		<-gate
	}
	select {
	case <-c.broken:
		return errors.New("broken")
	default:
	}
	c.n.mu.Lock()
	defer c.n.mu.Unlock()
	for _, m := range messages {
		c.n.got[c.node] = append(c.n.got[c.node], fmt.Sprintf("%s=%s", m.Channel, m.Payload))
	}
	return nil
}

func (c *farCarrier) Broken() <-chan struct{} { return c.broken }
func (c *farCarrier) Close()                  { c.once.Do(func() { close(c.broken) }) }

func (n *farNodes) take(node string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	got := n.got[node]
	n.got[node] = nil
	return got
}

func (n *farNodes) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

// startRelay starts a relay under synctest's clock.
func startRelay(t *testing.T, n *farNodes, queueBytesMax int) *Relay {
	r := NewRelay(RelayConfig{Open: n.Open, QueueBytesMax: queueBytesMax, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(r.Close)
	return r
}

func TestEachNodeGetsMessagesOnceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFarNodes()
		r := startRelay(t, n, 0)
		r.Publish([]byte("c"), []byte("to nobody"))
		r.SetNodes([]string{"a", "b"})
		payload := []byte("0000")
		for i := range 5000 {
			copy(payload, fmt.Sprintf("%04d", i)) // the bytes are the publisher's again
			r.Publish([]byte("c"), payload)
		}
		synctest.Wait()
		for _, node := range []string{"a", "b"} {
			got := n.take(node)
			if len(got) != 5000 {
				t.Fatalf("%s got %d messages, want 5000", node, len(got))
			}
			for i, m := range got {
				if m != fmt.Sprintf("c=%04d", i) {
					t.Fatalf("%s: message %d is %s", node, i, m)
				}
			}
		}
		if n.opens != 2 || r.Lost() != 0 {
			t.Errorf("%d carriers were opened, %d messages lost; want 2 and none", n.opens, r.Lost())
		}
	})
}

func TestMessagesBeyondTheQueueAreLostForThatNodeAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const kept = 10
		n := newFarNodes()
		gate := make(chan struct{})
		n.gate = gate
		r := startRelay(t, n, kept*(1+1000+publishedOverheadBytes))
		r.SetNodes([]string{"slow"})
		r.Publish([]byte("c"), make([]byte, 1000))
		synctest.Wait() // this one is on its way
		for range 3 * kept {
			r.Publish([]byte("c"), make([]byte, 1000))
		}
		if r.Lost() != 2*kept {
			t.Errorf("%d were lost, want %d", r.Lost(), 2*kept)
		}
		n.set(func() { n.gate = nil })
		close(gate)
		synctest.Wait()
		if got := n.take("slow"); len(got) != kept+1 {
			t.Errorf("the node got %d, want %d", len(got), kept+1)
		}
		r.Publish([]byte("c"), make([]byte, 1<<20))
		synctest.Wait()
		if got := n.take("slow"); len(got) != 1 {
			t.Errorf("a message that is larger than the queue came %d times", len(got))
		}
	})
}

func TestNodeThatCameBackGetsWhatIsPublishedThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFarNodes()
		r := startRelay(t, n, 0)
		r.SetNodes([]string{"a"})
		r.Publish([]byte("c"), []byte("1"))
		synctest.Wait()
		n.set(func() { n.down["a"] = true })
		n.open["a"].Close()
		for i := range 20 {
			r.Publish([]byte("c"), []byte(fmt.Sprint("down", i)))
			time.Sleep(retryPause / 2)
		}
		n.set(func() { n.down["a"] = false })
		time.Sleep(2 * retryPause)
		synctest.Wait()
		n.take("a")
		opens := n.opens
		for i := range 3 {
			r.Publish([]byte("c"), []byte(fmt.Sprint(i)))
		}
		synctest.Wait()
		if got := fmt.Sprint(n.take("a")); got != "[c=0 c=1 c=2]" {
			t.Errorf("got %s", got)
		}
		if r.Lost() == 0 || n.opens > opens+1 || opens > 25 {
			t.Errorf("%d lost, %d opened, then %d", r.Lost(), opens, n.opens)
		}
	})
}

func TestNodesThatLeaveAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newFarNodes()
		r := startRelay(t, n, 0)
		r.SetNodes([]string{"a", "b"})
		r.SetNodes([]string{"b"})
		r.Publish([]byte("c"), []byte("1"))
		synctest.Wait()
		if a, b := n.take("a"), n.take("b"); len(a) != 0 || len(b) != 1 {
			t.Errorf("a got %q, b got %q", a, b)
		}
		r.Close()
		r.SetNodes([]string{"b", "c"})
		r.Publish([]byte("c"), []byte("2"))
		if got := n.take("b"); len(got) != 0 {
			t.Errorf("after Close b got %q", got)
		}
	})
}
