package respserver

import (
	"context"
	"time"
)

// handshaker is a connection that speaks TLS, or may.
type handshaker interface{ HandshakeContext(context.Context) error }

// handshakeMax bounds how long a client takes until it has shaken hands.
const handshakeMax = 10 * time.Second

// shakeHands does what comes before the first command under TLS. It tells whether the connection can be used.
func (c *conn) shakeHands() bool {
	nc, ok := c.nc.(handshaker)
	if !ok {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeMax)
	defer cancel()
	if err := nc.HandshakeContext(ctx); err != nil {
		c.server.stats.broken.Add(1)
		if c.server.stats.warnNow() {
			c.server.cfg.Logger.Warn("closed a RESP connection that TLS was not agreed on with", "client", c.remote, "err", err)
		}
		return false
	}
	return true
}
