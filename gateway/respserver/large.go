package respserver

import (
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
)

const (
	// largeBytes is from where on a write is large: four times what a batch of the executor holds.
	largeBytes = 1 << 20
	// largeAtOnce is how many of them all connections have under way: one is written to the log while the next is evaluated.
	// Each takes the disk some ten milliseconds for one of the largest values, and every other write of the shard stands behind.
	largeAtOnce = 2
)

var errLargeTurn = apierr.New(apierr.KindDeadline, "large writes of others were before this one for too long; not applied, retry")

// turns is who may have a large write under way.
type turns chan struct{}

// isLarge tells whether a write with these arguments is large.
func isLarge(args [][]byte) bool {
	size := 0
	for _, arg := range args {
		size += len(arg)
	}
	return size >= largeBytes
}

// writeLarge runs a large write when its turn has come, by itself: nothing else of the connection is open meanwhile.
func (c *conn) writeLarge(run func()) {
	c.settle()
	timer := time.NewTimer(time.Until(c.arrived.Add(router.CommitMax)))
	defer timer.Stop()
	select {
	case c.server.large <- struct{}{}:
	case <-timer.C:
		c.reply(errorReply(errLargeTurn))
		return
	case <-c.server.stop:
		c.reply(errorReply(errLargeTurn))
		return
	}
	defer func() { <-c.server.large }()
	run()
	c.settle()
}
