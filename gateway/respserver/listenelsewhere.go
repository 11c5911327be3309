package respserver

import (
	"errors"
	"slices"
	"strings"

	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// A server that redirects nobody listens for its clients at other nodes: to shard channels at the leader of their slot, and, where it
// is no node and so is given no messages, to channels and patterns at some node. Each client has a connection of its own to each node
// at which it listens; when one breaks, the client's ends too, so that it knows that it may have missed something.

// listensElsewhere tells whether the connection's subscriptions of a kind are at other nodes.
func (c *conn) listensElsewhere(k pubsub.Kind) bool {
	return c.proxied && (k == pubsub.ShardChannel || c.server.cfg.Relay == nil)
}

// away notes the subscriptions that the connection has elsewhere.
func (c *conn) away() *pubsub.Subscriber {
	return c.subscriber(&c.listenerAway, c.server.hubAway)
}

// earAt is the connection's ear at a node.
func (c *conn) earAt(addr string) (*proxy.Ear, error) {
	if e := c.earsAt[addr]; e != nil {
		return e, nil
	}
	c.away()
	e, err := c.server.cfg.Proxy.Listen(addr, c.proxySession(), c.hear, func() {
		c.gone.Store(true)
		c.wake()
	})
	if err != nil {
		return nil, err
	}
	if c.earsAt == nil {
		c.earsAt = map[string]*proxy.Ear{}
	}
	c.earsAt[addr] = e
	return e, nil
}

// stopEars ends what the connection listens to elsewhere.
func (c *conn) stopEars() {
	for _, e := range c.earsAt {
		e.Close()
	}
	c.earsAt = nil
	if s := c.listenerAway.Load(); s != nil {
		s.Close()
	}
}

// hear passes on what comes from another node. It runs on the goroutine of an ear.
func (c *conn) hear(v resp.Value) {
	if len(v.Elems) < 3 {
		return
	}
	switch string(v.Elems[0].Str) {
	case "message", "pmessage", "smessage":
		c.push(v)
	case "sunsubscribe": // by itself, unless the name is gone already
		s, name := c.listenerAway.Load(), string(v.Elems[1].Str)
		if s.Unsubscribe(pubsub.ShardChannel, name) {
			ear{c}.Dropped(name, s.Count(pubsub.ShardChannel))
		}
	}
}

// nodeFor is where channels of a kind are listened to and published: that of the slot's leader, or any.
func (c *conn) nodeFor(k pubsub.Kind, channel []byte) (addr string, err *apierr.Error) {
	v := c.server.cfg.Router.View()
	if k == pubsub.ShardChannel {
		replica, err := c.target(slot.Of(channel), router.NotAsked)
		if err != nil {
			return "", err
		}
		if i := slices.IndexFunc(c.remotes, func(r remote) bool { return r.replica == replica }); i >= 0 {
			return c.remotes[i].addr, nil
		}
		self, _ := v.Node(v.Self)
		return self.RESP, nil
	}
	if c.earsAt[c.mainEar] != nil {
		return c.mainEar, nil // so that each channel is listened to at one node
	}
	alive := slices.DeleteFunc(slices.Clone(v.Nodes), func(n router.Node) bool { return n.State == router.NodeDead })
	if len(alive) == 0 {
		return "", apierr.New(apierr.KindClusterDown, "no node is known; not applied, retry")
	}
	return alive[int(c.id)%len(alive)].RESP, nil
}

// movesMax is how many MOVED of one SSUBSCRIBE are followed.
const movesMax = 5

// subscribeElsewhere begins subscriptions at another node.
func (c *conn) subscribeElsewhere(k pubsub.Kind, command [][]byte) resp.Value {
	addr, refused := c.nodeFor(k, command[1])
	if refused != nil {
		return errorReply(refused)
	}
	replies, begun := c.listenTo(k, command[1:])
	err := c.listenAt(addr, command)
	for range movesMax {
		next, moved := movedTo(err)
		if !moved {
			break
		}
		addr, err = next, c.listenAt(next, command)
	}
	if err == nil {
		if k != pubsub.ShardChannel {
			c.mainEar = addr
		}
		return c.pushed(replies)
	}
	for _, name := range begun {
		c.away().Unsubscribe(k, string(name))
	}
	var said proxy.Refused
	switch _, moved := movedTo(err); {
	case moved:
		return errorReply(apierr.New(apierr.KindTryAgain, "the slot changes hands; not subscribed, retry"))
	case errors.As(err, &said):
		return resp.Err(string(said))
	}
	return errorReply(err)
}

// listenAt has a node confirm subscriptions.
func (c *conn) listenAt(addr string, command [][]byte) error {
	e, err := c.earAt(addr)
	if err != nil {
		return err
	}
	return e.Do(command, c.arrived.Add(router.CommitMax))
}

// movedTo is where a node says that a slot is.
func movedTo(err error) (addr string, moved bool) {
	var said proxy.Refused
	if !errors.As(err, &said) {
		return "", false
	}
	words := strings.Fields(string(said))
	if len(words) != 3 || words[0] != "MOVED" {
		return "", false
	}
	return words[2], true
}

// unsubscribeElsewhere ends subscriptions wherever they are; the names are forgotten here already.
func (c *conn) unsubscribeElsewhere(k pubsub.Kind, names [][]byte) {
	for _, e := range c.earsAt {
		for _, name := range names { // one by one, as shard channels of several slots would be refused
			_ = e.Do([][]byte{unsubscribeWords[k].Str, name}, c.arrived.Add(router.CommitMax))
		}
	}
	if s := c.listenerAway.Load(); s != nil && !s.Listens() {
		c.stopEars()
	}
}

// publishElsewhere has another node publish.
func (c *conn) publishElsewhere(k pubsub.Kind, command [][]byte) resp.Value {
	addr, refused := c.nodeFor(k, command[1])
	if refused != nil {
		return errorReply(refused)
	}
	reply, err := c.server.cfg.Proxy.Ask(addr, c.proxySession(), command, false, c.arrived.Add(router.CommitMax))
	if err != nil {
		return errorReply(err)
	}
	return fromElsewhere(reply)
}
