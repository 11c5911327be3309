package respserver

// pushing is the second goroutine of a connection, which writes pushes while the first one waits for commands. It runs from the
// first subscription, CLIENT TRACKING ON or redirection to it, to the end of the connection.
type pushing struct {
	// stop ends it, ended is closed when it has ended; nil where it does not run.
	stop, ended chan struct{}
}

// startPushing lets others push to the client. A round runs: that of the command at hand.
func (c *conn) startPushing() {
	if c.pushing.stop != nil {
		return
	}
	ready, stop, ended := make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	c.pushing = pushing{stop, ended}
	c.out.shared = true
	c.out.mu.Lock()
	c.out.ready, c.out.held = ready, true
	c.out.mu.Unlock()
	go func() {
		defer close(ended)
		c.out.runPushes(ready, stop)
	}()
}

// stopPushing returns when the goroutine has ended, and nothing is kept for the client any more.
func (c *conn) stopPushing() {
	if c.pushing.stop == nil {
		return
	}
	close(c.pushing.stop)
	<-c.pushing.ended
	c.out.mu.Lock()
	c.out.notSlowLocked()
	c.out.ready, c.out.pushes, c.out.allProto, c.out.messages = nil, nil, 0, messageQueue{}
	c.out.mu.Unlock()
	c.out.shared = false
	c.pushing = pushing{}
}
