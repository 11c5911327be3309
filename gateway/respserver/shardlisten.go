package respserver

import (
	"sync"

	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// Shard channels are where their slots are: subscriptions and messages go to the node that leads the slot's shard, and nowhere
// else. When it does not any more, its subscribers are told so (sunsubscribe) and subscribe anew where MOVED sends them.

var errShardSubscribe = apierr.New(apierr.KindInvalid, "SSUBSCRIBE isn't allowed for a DENY BLOCKING client")

// shardSubscribe is SSUBSCRIBE.
func (c *conn) shardSubscribe(args [][]byte) resp.Value {
	names := args[1:]
	id, crossed := slotOf(names)
	switch {
	case crossed != nil:
		return errorReply(crossed)
	case c.inExec:
		return errorReply(errShardSubscribe)
	case c.proxied:
		return c.subscribeElsewhere(pubsub.ShardChannel, args)
	}
	c.server.watchShards()
	for attempt := 0; ; attempt++ {
		if err := c.shardHere(id); err != nil {
			return errorReply(err)
		}
		replies, begun := c.listenTo(pubsub.ShardChannel, names)
		if c.server.keepsShard(id) { // now that whoever ends subscriptions sees these
			return c.pushed(replies)
		}
		for _, name := range begun {
			c.ears(pubsub.ShardChannel).Unsubscribe(pubsub.ShardChannel, string(name))
		}
		if !c.pauseReroute(attempt) {
			return errorReply(apierr.New(apierr.KindTryAgain, "slot %d changes hands; not subscribed, retry", id))
		}
	}
}

// shardHere is nil where this node leads the shard of a slot, else MOVED or why nobody does. What counts is the slot map: while a
// slot is on its way its channels are where it comes from.
func (c *conn) shardHere(id slot.ID) *apierr.Error {
	if _, err := c.target(id, router.NotAsked); err != nil {
		return err
	}
	return nil
}

// shardUnsubscribe is SUNSUBSCRIBE. Channels of other nodes are MOVED, unless the connection still listens to one of them here.
func (c *conn) shardUnsubscribe(args [][]byte) resp.Value {
	if names := args[1:]; len(names) > 0 && !c.proxied {
		id, err := slotOf(names)
		if err == nil && c.subscriptions(pubsub.ShardChannel) == 0 {
			err = c.shardHere(id)
		}
		if err != nil {
			return errorReply(err)
		}
	}
	return c.unsubscribe(pubsub.ShardChannel, args[1:])
}

// shardPublish is SPUBLISH.
func (c *conn) shardPublish(args [][]byte) resp.Value {
	if c.proxied {
		return c.publishElsewhere(pubsub.ShardChannel, args)
	}
	if err := c.shardHere(slot.Of(args[1])); err != nil {
		return errorReply(err)
	}
	receivers := c.server.hub.PublishShard(args[1], args[2])
	if c.listens() {
		c.drainPushes()
	}
	return resp.Int(int64(receivers))
}

// keepsShard tells whether this node leads the shard of a slot.
func (s *Server) keepsShard(id slot.ID) bool {
	t, ok := s.cfg.Router.Find(id, router.NotAsked)
	return ok && t.Replica != nil
}

// shardWatch ends subscriptions to shard channels whose slots are not led here any more. It runs from the first SSUBSCRIBE to the
// end of the server.
type shardWatch struct{ once sync.Once }

func (s *Server) watchShards() {
	s.shards.once.Do(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			return
		}
		s.running.Add(1)
		go func() {
			defer s.running.Done()
			s.runShardWatch()
		}()
	})
}

func (s *Server) runShardWatch() {
	for {
		changed := s.cfg.Router.Changed()
		if s.hub.Count(pubsub.ShardChannel) > 0 {
			s.hub.Drop(func(channel string) bool { return s.keepsShard(slot.Of([]byte(channel))) })
		}
		select {
		case <-changed:
		case <-s.stop:
			return
		}
	}
}
