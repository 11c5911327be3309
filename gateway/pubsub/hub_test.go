package pubsub

import (
	"fmt"
	"path"
	"slices"
	"sync"
	"testing"
)

// matchPath is enough of a pattern for tests.
func matchPath(pattern, channel string) bool {
	ok, err := path.Match(pattern, channel)
	return err == nil && ok
}

// inbox keeps what a subscriber gets.
type inbox struct {
	mu  sync.Mutex // protects the field below
	got []string
}

func (b *inbox) Deliver(m *Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, fmt.Sprintf("%d %s %s %s", m.Kind, m.Pattern, m.Channel, m.Payload))
}

func (b *inbox) Dropped(channel string, left int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, fmt.Sprintf("dropped %s %d", channel, left))
}

func (b *inbox) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

func (b *inbox) want(t *testing.T, want ...string) {
	t.Helper()
	if got := b.take(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func publish(h *Hub, channel, payload string) int { return h.Publish([]byte(channel), []byte(payload)) }

func TestMessageReachesEachSubscriptionThatItsChannelMatches(t *testing.T) {
	h := New(matchPath)
	var a, b inbox
	sa, sb := h.NewSubscriber(&a), h.NewSubscriber(&b)
	sa.Subscribe(Channel, "news")
	sa.Subscribe(Channel, "news")
	sa.Subscribe(Pattern, "n*")
	sb.Subscribe(Pattern, "*s")
	sb.Subscribe(ShardChannel, "news")
	if n := publish(h, "news", "1"); n != 3 {
		t.Errorf("%d receivers, want 3", n)
	}
	a.want(t, "0  news 1", "1 n* news 1")
	b.want(t, "1 *s news 1")
	if n := h.PublishShard([]byte("news"), []byte("2")); n != 1 {
		t.Errorf("%d receivers of the shard channel, want 1", n)
	}
	a.want(t)
	b.want(t, "2  news 2")
	sb.Close()
	if n := publish(h, "news", "3"); n != 2 || sb.Listens() {
		t.Errorf("%d receivers after one has gone, want 2; it listens: %v", n, sb.Listens())
	}
	b.want(t)
}

func TestHubForgetsNamesThatNobodyListensToAnyMore(t *testing.T) {
	h := New(matchPath)
	s := h.NewSubscriber(&inbox{})
	for k := range Kind(kinds) {
		s.Subscribe(k, "x")
		if h.Count(k) != 1 || s.Count(k) != 1 {
			t.Errorf("kind %d: hub %d, subscriber %d, want 1 and 1", k, h.Count(k), s.Count(k))
		}
		if !s.Unsubscribe(k, "x") || s.Unsubscribe(k, "x") {
			t.Errorf("kind %d: a subscription ends once", k)
		}
		if h.Count(k) != 0 || s.Count(k) != 0 || h.Subscribers(k, "x") != 0 {
			t.Errorf("kind %d: hub %d, subscriber %d, want none", k, h.Count(k), s.Count(k))
		}
	}
	if len(h.patterns) != 0 || len(h.stripe("x").named[0])+len(h.stripe("x").named[1]) != 0 {
		t.Error("names are left")
	}
}

func TestDroppedShardChannelsAreToldOnceAndGetNothingMore(t *testing.T) {
	h := New(matchPath)
	var in inbox
	s := h.NewSubscriber(&in)
	s.Subscribe(ShardChannel, "stays")
	s.Subscribe(ShardChannel, "goes")
	s.Subscribe(Channel, "goes")
	for range 2 {
		h.Drop(func(channel string) bool { return channel == "stays" })
	}
	in.want(t, "dropped goes 1")
	if n := h.PublishShard([]byte("goes"), nil); n != 0 {
		t.Errorf("%d receivers", n)
	}
	if got := s.Names(ShardChannel); !slices.Equal(got, []string{"stays"}) || s.Count(Channel) != 1 {
		t.Errorf("left: %q, %d channels", got, s.Count(Channel))
	}
}

func TestNamesListsWhatMatches(t *testing.T) {
	h := New(matchPath)
	s := h.NewSubscriber(&inbox{})
	for _, name := range []string{"b1", "a2", "a1"} {
		s.Subscribe(Channel, name)
	}
	if got := h.Names(Channel, "a*"); !slices.Equal(got, []string{"a1", "a2"}) {
		t.Errorf("got %q", got)
	}
	if got := h.Names(Channel, "*"); len(got) != 3 || len(h.Names(ShardChannel, "*")) != 0 {
		t.Errorf("got %q", got)
	}
}

// All subscribers of a channel get its messages in one order, whoever publishes, and those of one publisher in its own.
func TestSubscribersOfAChannelSeeOneOrder(t *testing.T) {
	const publishers, each = 4, 200
	h := New(matchPath)
	var boxes [3]inbox
	for i := range boxes {
		h.NewSubscriber(&boxes[i]).Subscribe(Channel, "c")
	}
	var busy sync.WaitGroup
	for p := range publishers {
		busy.Go(func() {
			for i := range each {
				publish(h, "c", fmt.Sprintf("%d:%04d", p, i))
			}
		})
	}
	busy.Wait()
	first := boxes[0].take()
	for i := range boxes[1:] {
		if got := boxes[i+1].take(); !slices.Equal(got, first) {
			t.Errorf("subscriber %d got another order", i+1)
		}
	}
	for p := range publishers {
		prefix := fmt.Sprintf("0  c %d:", p)
		own := slices.DeleteFunc(slices.Clone(first), func(m string) bool { return m[:len(prefix)] != prefix })
		if len(own) != each || !slices.IsSorted(own) {
			t.Errorf("publisher %d: %d messages, in order: %v", p, len(own), slices.IsSorted(own))
		}
	}
}

// Begins and ends of subscriptions, messages and drops at once leave hub and subscribers agreeing.
func TestHubAndSubscribersAgreeAfterAllAtOnce(t *testing.T) {
	h := New(matchPath)
	subscribers := make([]*Subscriber, 4)
	var busy sync.WaitGroup
	for i := range subscribers {
		s := h.NewSubscriber(&inbox{})
		subscribers[i] = s
		busy.Go(func() {
			for n := range 300 {
				name := fmt.Sprint(n % 7)
				s.Subscribe(Kind(n%kinds), name)
				if n%3 == 0 {
					s.Unsubscribe(Kind(n%kinds), name)
				}
			}
		})
	}
	busy.Go(func() {
		for range 100 {
			h.Drop(func(channel string) bool { return channel != "3" })
			publish(h, "1", "x")
		}
	})
	busy.Wait()
	for k := range Kind(kinds) {
		names := map[string]int{}
		for _, s := range subscribers {
			if len(s.Names(k)) != s.Count(k) {
				t.Errorf("kind %d: %d names, counted %d", k, len(s.Names(k)), s.Count(k))
			}
			for _, name := range s.Names(k) {
				names[name]++
			}
		}
		if h.Count(k) != len(names) {
			t.Errorf("kind %d: hub has %d names, subscribers %d", k, h.Count(k), len(names))
		}
		for name, n := range names {
			if k != Pattern && h.Subscribers(k, name) != n {
				t.Errorf("kind %d: %s has %d subscribers, want %d", k, name, h.Subscribers(k, name), n)
			}
		}
	}
	for _, s := range subscribers {
		s.Close()
	}
	if h.Count(Channel)+h.Count(Pattern)+h.Count(ShardChannel) != 0 {
		t.Error("names are left after all have closed")
	}
}
