package pubsub

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Kind says what a subscription names.
type Kind uint8

const (
	// Channel is a channel of the whole cluster.
	Channel Kind = iota
	// Pattern matches channels of the whole cluster.
	Pattern
	// ShardChannel is a channel of the shard that has its slot.
	ShardChannel
	kinds = iota
)

// stripes is how many locks channels share: publishers of different channels seldom wait for each other.
const stripes = 64

// Hub is the subscriptions of one node.
type Hub struct {
	match func(pattern, channel string) bool
	seed  maphash.Seed
	// channels holds channels and shard channels by the hash of their names.
	channels [stripes]stripe
	// counts are how many different names of each kind have subscribers.
	counts [kinds]atomic.Int64

	mu       sync.RWMutex // protects the field below
	patterns map[string]*listeners
}

// stripe is some of the channels. Its lock is held while a message is given to all subscribers of a channel, which makes their
// order the same.
type stripe struct {
	mu    sync.Mutex // protects the field below
	named [2]map[string]*listeners
}

// listeners are the subscribers of one name.
type listeners struct{ who map[*Subscriber]struct{} }

// New returns a hub without subscribers; match tells whether a channel matches a pattern.
func New(match func(pattern, channel string) bool) *Hub {
	return &Hub{match: match, seed: maphash.MakeSeed(), patterns: map[string]*listeners{}}
}

// at is where the channels of a kind are kept in a stripe.
func at(k Kind) int {
	if k == ShardChannel {
		return 1
	}
	return 0
}

func (h *Hub) stripe(name string) *stripe {
	return &h.channels[maphash.String(h.seed, name)%stripes]
}

// add makes s a subscriber of a name; false: it is one.
func (h *Hub) add(k Kind, name string, s *Subscriber) bool {
	if k == Pattern {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.join(k, h.patterns, name, s)
	}
	st := h.stripe(name)
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.named[at(k)] == nil {
		st.named[at(k)] = map[string]*listeners{}
	}
	return h.join(k, st.named[at(k)], name, s)
}

func (h *Hub) join(k Kind, named map[string]*listeners, name string, s *Subscriber) bool {
	if !s.note(k, name) {
		return false
	}
	l := named[name]
	if l == nil {
		l = &listeners{who: map[*Subscriber]struct{}{}}
		named[name] = l
		h.counts[k].Add(1)
	}
	l.who[s] = struct{}{}
	return true
}

// remove ends the subscription of s to a name and tells whether there was one.
func (h *Hub) remove(k Kind, name string, s *Subscriber) bool {
	if k == Pattern {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.part(k, h.patterns, name, s)
	}
	st := h.stripe(name)
	st.mu.Lock()
	defer st.mu.Unlock()
	return h.part(k, st.named[at(k)], name, s)
}

func (h *Hub) part(k Kind, named map[string]*listeners, name string, s *Subscriber) bool {
	if !s.forget(k, name) {
		return false
	}
	l := named[name]
	delete(l.who, s)
	if len(l.who) == 0 {
		delete(named, name)
		h.counts[k].Add(-1)
	}
	return true
}
