package pubsub

// Message is what one subscriber gets. It refers to the publisher's bytes, which are its own again once Deliver has returned.
type Message struct {
	// Kind is that of the subscription. Pattern is set where the subscription is one to a pattern.
	Kind             Kind
	Pattern, Channel []byte
	Payload          []byte
}

// Receiver is given the messages of a Subscriber, and told of subscriptions that end without its doing. It must not block.
type Receiver interface {
	Deliver(m *Message)
	// Dropped says that the subscription to a shard channel has ended, and how many of them are left.
	Dropped(channel string, left int)
}

// Publish gives a message to the subscribers of its channel, then to those of patterns that match. It returns how many
// subscriptions that were: a client that listens in two ways gets the message twice, as in Redis.
func (h *Hub) Publish(channel, payload []byte) (receivers int) {
	if h.counts[Channel].Load() == 0 && h.counts[Pattern].Load() == 0 {
		return 0
	}
	st := h.stripe(string(channel))
	st.mu.Lock()
	defer st.mu.Unlock()
	receivers = deliver(st.named[at(Channel)][string(channel)], &Message{Kind: Channel, Channel: channel, Payload: payload})
	if h.counts[Pattern].Load() == 0 {
		return receivers
	}
	name := string(channel)
	h.mu.RLock()
	defer h.mu.RUnlock()
	for pattern, l := range h.patterns {
		if h.match(pattern, name) {
			receivers += deliver(l, &Message{Kind: Pattern, Pattern: []byte(pattern), Channel: channel, Payload: payload})
		}
	}
	return receivers
}

// PublishShard gives a message to the subscribers of a shard channel and returns how many there were.
func (h *Hub) PublishShard(channel, payload []byte) (receivers int) {
	if h.counts[ShardChannel].Load() == 0 {
		return 0
	}
	st := h.stripe(string(channel))
	st.mu.Lock()
	defer st.mu.Unlock()
	return deliver(st.named[at(ShardChannel)][string(channel)], &Message{Kind: ShardChannel, Channel: channel, Payload: payload})
}

func deliver(l *listeners, m *Message) int {
	if l == nil {
		return 0
	}
	for s := range l.who {
		s.receiver.Deliver(m)
	}
	return len(l.who)
}
