package respserver

import (
	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
)

// publish is PUBLISH. As in Redis Cluster the reply counts the subscriptions at this node.
func (c *conn) publish(args [][]byte) resp.Value {
	if c.listensElsewhere(pubsub.Channel) {
		return c.publishElsewhere(pubsub.Channel, args)
	}
	receivers := c.server.hub.Publish(args[1], args[2])
	if relay := c.server.cfg.Relay; relay != nil {
		relay.Publish(args[1], args[2])
	}
	if c.listens() {
		c.drainPushes() // the client's own copy comes before the reply
	}
	return resp.Int(int64(receivers))
}

// Deliver gives a message that was published at another node to the clients here. It does not block.
func (s *Server) Deliver(channel, payload []byte) { s.hub.Publish(channel, payload) }

// lost is how many messages were lost on their way to other nodes.
func (s *Server) lost() uint64 {
	if s.cfg.Relay == nil {
		return 0
	}
	return s.cfg.Relay.Lost()
}

// hubFor is who listens by way of this server: where it is no node, all do elsewhere.
func (s *Server) hubFor() *pubsub.Hub {
	if s.cfg.Proxy != nil && s.cfg.Relay == nil {
		return s.hubAway
	}
	return s.hub
}

// countListeners is PUBSUB NUMSUB and SHARDNUMSUB.
func (c *conn) countListeners(k pubsub.Kind, channels [][]byte) resp.Value {
	counts := make([]resp.Value, 0, 2*len(channels))
	for _, channel := range channels {
		counts = append(counts, resp.Bulk(channel), resp.Int(int64(c.server.hubFor().Subscribers(k, string(channel)))))
	}
	return resp.Array(counts...)
}

// listChannels is PUBSUB CHANNELS and SHARDCHANNELS.
func (c *conn) listChannels(k pubsub.Kind, args [][]byte) resp.Value {
	if len(args) > 3 {
		return subcommandSyntax(args)
	}
	pattern := "*"
	if len(args) == 3 {
		pattern = string(args[2])
	}
	channels := []resp.Value{}
	for _, name := range c.server.hubFor().Names(k, pattern) {
		channels = append(channels, resp.BulkString(name))
	}
	return resp.Array(channels...)
}
