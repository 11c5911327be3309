package respserver

// Connections hold half of what clients send, and replies that wait for those before them. Each is bounded, and so is their sum:
// many clients must not take together what one may.

const (
	// heldFree is what a connection's read buffer may take uncounted: more than an idle one keeps (package resp), so that
	// connections with small commands never count.
	heldFree = 256 << 10
	// heldReplyMin is the least reply that counts: a round of replies below it holds 8 MiB at most.
	heldReplyMin = 16 << 10
)

// accountRead counts the read buffer. It tells whether the connection may go on: one that makes the sum too large has to end,
// because what it has begun to send cannot be refused otherwise.
func (c *conn) accountRead(bytes int) bool {
	over := int64(max(bytes-heldFree, 0))
	if over == c.heldRead {
		return true
	}
	grown := over - c.heldRead
	c.heldRead = over
	return c.server.held.Add(grown) <= int64(c.server.limits.ClientsBytesMax) || grown < 0
}

// accountReply counts a reply that waits. It tells whether there is room for it. Executors call it.
func (c *conn) accountReply(bytes int64) bool {
	if bytes < heldReplyMin {
		return true
	}
	c.heldReplies.Add(bytes)
	return c.server.held.Add(bytes) <= int64(c.server.limits.ClientsBytesMax)
}

// releaseReplies says that no reply waits any more. It tells whether one did that counts.
func (c *conn) releaseReplies() (some bool) {
	held := c.heldReplies.Swap(0)
	if held != 0 {
		c.server.held.Add(-held)
	}
	return held != 0
}
