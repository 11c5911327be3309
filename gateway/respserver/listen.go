package respserver

import (
	"sync/atomic"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// pubSubHandlers are the commands on channels.
func pubSubHandlers() map[string]handler {
	return map[string]handler{
		"subscribe":       func(c *conn, args [][]byte) resp.Value { return c.subscribe(pubsub.Channel, args) },
		"unsubscribe":     func(c *conn, args [][]byte) resp.Value { return c.unsubscribe(pubsub.Channel, args[1:]) },
		"psubscribe":      func(c *conn, args [][]byte) resp.Value { return c.subscribe(pubsub.Pattern, args) },
		"punsubscribe":    func(c *conn, args [][]byte) resp.Value { return c.unsubscribe(pubsub.Pattern, args[1:]) },
		"ssubscribe":      (*conn).shardSubscribe,
		"sunsubscribe":    (*conn).shardUnsubscribe,
		"publish":         (*conn).publish,
		"spublish":        (*conn).shardPublish,
		"pubsub|numpat":   func(c *conn, _ [][]byte) resp.Value { return resp.Int(int64(c.server.hubFor().Count(pubsub.Pattern))) },
		"pubsub|numsub":   func(c *conn, args [][]byte) resp.Value { return c.countListeners(pubsub.Channel, args[2:]) },
		"pubsub|channels": func(c *conn, args [][]byte) resp.Value { return c.listChannels(pubsub.Channel, args) },
		"pubsub|shardnumsub": func(c *conn, args [][]byte) resp.Value {
			return c.countListeners(pubsub.ShardChannel, args[2:])
		},
		"pubsub|shardchannels": func(c *conn, args [][]byte) resp.Value { return c.listChannels(pubsub.ShardChannel, args) },
	}
}

// ofListeners names the commands that a RESP2 connection may send while it listens to channels.
var ofListeners = map[string]bool{
	"subscribe": true, "unsubscribe": true, "psubscribe": true, "punsubscribe": true, "ssubscribe": true, "sunsubscribe": true,
	"ping": true, "quit": true, "reset": true,
}

// ofShardChannels tells whether the channels of a command are of one slot, as keys are.
func ofShardChannels(spec *command.Spec) bool {
	return len(spec.KeySpecs) > 0 && spec.KeySpecs[0].Flags&command.KeyNotKey != 0
}

// whileListening refuses a command that a RESP2 connection may not send while it listens.
func whileListening(spec *command.Spec) *apierr.Error {
	const reason = "Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
	if spec.Name == "exec" {
		return apierr.New(apierr.KindExecAbort, "Transaction discarded because of: "+reason, spec.Name)
	}
	return apierr.New(apierr.KindInvalid, reason, spec.Name)
}

// The words that begin messages, and the replies to commands that begin and end subscriptions, by kind of subscription.
var (
	messageWords     = [...]resp.Value{resp.BulkString("message"), resp.BulkString("pmessage"), resp.BulkString("smessage")}
	subscribeWords   = [...]resp.Value{resp.BulkString("subscribe"), resp.BulkString("psubscribe"), resp.BulkString("ssubscribe")}
	unsubscribeWords = [...]resp.Value{resp.BulkString("unsubscribe"), resp.BulkString("punsubscribe"), resp.BulkString("sunsubscribe")}
)

// ear is the connection as channels know it. Its methods are called by whoever publishes.
type ear struct{ c *conn }

var _ pubsub.Receiver = ear{}

// Deliver queues a message for the client.
func (e ear) Deliver(m *pubsub.Message) {
	parts := [4]resp.Value{messageWords[m.Kind], resp.Bulk(m.Channel), resp.Bulk(m.Payload)}
	elems := parts[:3]
	if m.Kind == pubsub.Pattern {
		parts = [4]resp.Value{messageWords[m.Kind], resp.Bulk(m.Pattern), resp.Bulk(m.Channel), resp.Bulk(m.Payload)}
		elems = parts[:]
	}
	e.c.push(resp.Value{Kind: resp.KindPush, Elems: elems})
}

// Dropped tells the client that it does not listen to a shard channel any more.
func (e ear) Dropped(channel string, left int) {
	e.c.push(resp.Push(unsubscribeWords[pubsub.ShardChannel], resp.BulkString(channel), resp.Int(int64(left))))
}

// push queues a message for the client of a connection that others may push to. Any goroutine may call it.
func (c *conn) push(message resp.Value) { c.out.deliver(message, int(c.shownProto.Load())) }

// subscribers are what the connection is to channels: here, and elsewhere. Any goroutine may ask.
func (c *conn) subscribers() (all []*pubsub.Subscriber) {
	for _, s := range [...]*pubsub.Subscriber{c.listener.Load(), c.listenerAway.Load()} {
		if s != nil {
			all = append(all, s)
		}
	}
	return all
}

// listens tells whether the connection has any subscription. Any goroutine may ask, and each command does.
func (c *conn) listens() bool {
	here, away := c.listener.Load(), c.listenerAway.Load()
	return here != nil && here.Listens() || away != nil && away.Listens()
}

// subscriptions is how many subscriptions of a kind the connection has. Any goroutine may ask.
func (c *conn) subscriptions(k pubsub.Kind) (n int) {
	for _, s := range c.subscribers() {
		n += s.Count(k)
	}
	return n
}

// counted is the number in the replies to commands that begin and end subscriptions: channels and patterns are counted together.
func (c *conn) counted(k pubsub.Kind) resp.Value {
	if k == pubsub.ShardChannel {
		return resp.Int(int64(c.subscriptions(k)))
	}
	return resp.Int(int64(c.subscriptions(pubsub.Channel) + c.subscriptions(pubsub.Pattern)))
}

// ears is the connection as a subscriber of a kind.
func (c *conn) ears(k pubsub.Kind) *pubsub.Subscriber {
	if c.listensElsewhere(k) {
		return c.away()
	}
	return c.subscriber(&c.listener, c.server.hub)
}

// subscriber is the connection as a subscriber at a hub, which it is from its first subscription on.
func (c *conn) subscriber(at *atomic.Pointer[pubsub.Subscriber], hub *pubsub.Hub) *pubsub.Subscriber {
	s := at.Load()
	if s == nil {
		c.startPushing()
		s = hub.NewSubscriber(ear{c})
		at.Store(s)
	}
	return s
}

// subscribe is SUBSCRIBE and PSUBSCRIBE.
func (c *conn) subscribe(k pubsub.Kind, command [][]byte) resp.Value {
	if c.listensElsewhere(k) {
		return c.subscribeElsewhere(k, command)
	}
	replies, _ := c.listenTo(k, command[1:])
	return c.pushed(replies)
}

// listenTo begins subscriptions, each of which has a reply of its own. It returns those names that are new.
func (c *conn) listenTo(k pubsub.Kind, names [][]byte) (replies []byte, begun [][]byte) {
	s := c.ears(k)
	for _, name := range names {
		if s.Subscribe(k, string(name)) {
			begun = append(begun, name)
		}
		replies = resp.Push(subscribeWords[k], resp.Bulk(name), c.counted(k)).Append(replies, c.proto)
	}
	if c.server.cfg.Access.Users() != c.users { // who looked for forbidden subscriptions may have missed these
		if c.followUsers(); c.user == nil || c.listensToForbidden(c.user) {
			c.closing = true
		}
	}
	return replies, begun
}

// listensToForbidden tells whether the connection has a subscription that a user may not begin. Any goroutine may ask.
func (c *conn) listensToForbidden(u *acl.User) bool {
	for _, s := range c.subscribers() {
		for _, k := range []pubsub.Kind{pubsub.Channel, pubsub.Pattern, pubsub.ShardChannel} {
			for _, name := range s.Names(k) {
				if !u.AllowsChannel(name, k == pubsub.Pattern) {
					return true
				}
			}
		}
	}
	return false
}

// unsubscribe ends subscriptions: those that are named, or all of a kind. What came for them before goes before the replies.
func (c *conn) unsubscribe(k pubsub.Kind, names [][]byte) resp.Value {
	subscribers := c.subscribers()
	if len(names) == 0 {
		for _, s := range subscribers {
			for _, name := range s.Names(k) {
				names = append(names, []byte(name))
			}
		}
	}
	var replies []byte
	for _, name := range names {
		for _, s := range subscribers {
			s.Unsubscribe(k, string(name))
		}
		replies = resp.Push(unsubscribeWords[k], resp.Bulk(name), c.counted(k)).Append(replies, c.proto)
	}
	if len(names) == 0 {
		replies = resp.Push(unsubscribeWords[k], resp.Null(), c.counted(k)).Append(replies, c.proto)
	}
	c.unsubscribeElsewhere(k, names)
	c.drainPushes()
	return c.pushed(replies)
}

// pushed is the reply that consists of pushes, which CLIENT REPLY does not keep back (Redis, pubsub.c, CLIENT_PUSHING).
func (c *conn) pushed(frames []byte) resp.Value {
	c.silent = c.silent && c.inExec
	return resp.Raw(frames)
}

// drainPushes puts the pushes so far behind the replies so far. Those of a transaction come behind its one reply.
func (c *conn) drainPushes() {
	if !c.inExec {
		c.out.drain()
	}
}

// stopListening ends all subscriptions without a word.
func (c *conn) stopListening() {
	c.stopEars()
	if s := c.listener.Load(); s != nil {
		s.Close()
	}
}

// pongToListener is the reply to PING of a RESP2 connection that listens: a message like those that it waits for.
func pongToListener(args [][]byte) resp.Value {
	reply := resp.Array(resp.BulkString("pong"), resp.Bulk(nil))
	if len(args) > 0 {
		reply.Elems[1] = resp.Bulk(args[0])
	}
	return reply
}

// noteCut counts a connection that was closed because its client took messages too slowly.
func (c *conn) noteCut() {
	if !c.out.cut.Load() {
		return
	}
	c.server.stats.slowListeners.Add(1)
	if c.server.stats.warnNow() {
		c.server.cfg.Logger.Warn("closed a connection that takes messages too slowly (client-output-buffer-limit pubsub)", "client", c.remote)
	}
}
