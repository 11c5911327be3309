package client

import "sync/atomic"

// Stats counts what a client has done since Dial. Views of one client count together.
type Stats struct {
	// Calls are those that were made, Attempts what was sent for them, Messages what carried it.
	Calls, Attempts, Messages uint64
	// Doubtful counts attempts of writes that were sent and of which nothing became known by themselves.
	Doubtful uint64
}

type counters struct{ calls, attempts, messages, doubtful atomic.Uint64 }

// Stats returns the counts.
func (c *Client) Stats() Stats {
	n := &c.counters
	return Stats{Calls: n.calls.Load(), Attempts: n.attempts.Load(), Messages: n.messages.Load(), Doubtful: n.doubtful.Load()}
}
