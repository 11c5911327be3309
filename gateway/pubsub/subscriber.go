package pubsub

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// Subscriber is one client that listens. Its subscriptions are begun and ended by one goroutine, but those to shard channels,
// which Hub.Drop may end.
type Subscriber struct {
	hub      *Hub
	receiver Receiver
	// counts are how many subscriptions of each kind there are.
	counts [kinds]atomic.Int64

	mu sync.Mutex // protects the field below; taken with the lock of the name held, or alone
	// Invariant: a name is here while the hub has the subscriber for it.
	names [kinds]map[string]struct{}
}

// NewSubscriber returns a subscriber that listens to nothing yet.
func (h *Hub) NewSubscriber(r Receiver) *Subscriber {
	return &Subscriber{hub: h, receiver: r}
}

// Subscribe begins a subscription; false: there is one.
func (s *Subscriber) Subscribe(k Kind, name string) bool { return s.hub.add(k, name, s) }

// Unsubscribe ends a subscription and tells whether there was one. Deliver is not called for it afterwards.
func (s *Subscriber) Unsubscribe(k Kind, name string) bool { return s.hub.remove(k, name, s) }

// note adds a name to those of the subscriber; false: it is one of them.
func (s *Subscriber) note(k Kind, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[k][name]; known {
		return false
	}
	if s.names[k] == nil {
		s.names[k] = map[string]struct{}{}
	}
	s.names[k][name] = struct{}{}
	s.counts[k].Add(1)
	return true
}

// forget takes a name out; false: it is not one of them.
func (s *Subscriber) forget(k Kind, name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.names[k][name]; !known {
		return false
	}
	delete(s.names[k], name)
	s.counts[k].Add(-1)
	return true
}

// Close ends all subscriptions.
func (s *Subscriber) Close() {
	for k := range Kind(kinds) {
		for _, name := range s.Names(k) {
			s.Unsubscribe(k, name)
		}
	}
}

// Names lists the subscriptions of a kind, sorted.
func (s *Subscriber) Names(k Kind) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.names[k]))
}

// Count is how many subscriptions of a kind there are. Any goroutine may ask.
func (s *Subscriber) Count(k Kind) int { return int(s.counts[k].Load()) }

// Listens tells whether there is any subscription. Any goroutine may ask.
func (s *Subscriber) Listens() bool {
	return s.Count(Channel)+s.Count(Pattern)+s.Count(ShardChannel) > 0
}
