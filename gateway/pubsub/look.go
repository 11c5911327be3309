package pubsub

import "slices"

// Count is how many different names of a kind have subscribers.
func (h *Hub) Count(k Kind) int { return int(h.counts[k].Load()) }

// Names lists the channels of a kind that have subscribers and match a pattern, sorted.
func (h *Hub) Names(k Kind, pattern string) []string {
	var names []string
	for i := range h.channels {
		st := &h.channels[i]
		st.mu.Lock()
		for name := range st.named[at(k)] {
			if h.match(pattern, name) {
				names = append(names, name)
			}
		}
		st.mu.Unlock()
	}
	slices.Sort(names)
	return names
}

// Subscribers is how many subscribers a channel has; those of patterns do not count.
func (h *Hub) Subscribers(k Kind, channel string) int {
	st := h.stripe(channel)
	st.mu.Lock()
	defer st.mu.Unlock()
	if l := st.named[at(k)][channel]; l != nil {
		return len(l.who)
	}
	return 0
}

// Drop ends the subscriptions to the shard channels that are not kept, and tells their receivers.
func (h *Hub) Drop(keep func(channel string) bool) {
	for i := range h.channels {
		st := &h.channels[i]
		st.mu.Lock()
		for name, l := range st.named[at(ShardChannel)] {
			if keep(name) {
				continue
			}
			delete(st.named[at(ShardChannel)], name)
			h.counts[ShardChannel].Add(-1)
			for s := range l.who {
				if s.forget(ShardChannel, name) {
					s.receiver.Dropped(name, s.Count(ShardChannel))
				}
			}
		}
		st.mu.Unlock()
	}
}
