package respserver

import (
	"bytes"
	"slices"
	"sync"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
)

// everywhere are the commands about all keys of a node, which a server that redirects nobody also asks of the other nodes.
var everywhere = map[string]struct {
	readOnly bool
	join     func(parts []resp.Value, places [][]int) resp.Value
}{
	"dbsize": {true, joinSum}, "flushall": {false, joinOK}, "flushdb": {false, joinOK},
}

// answered is the reply to a command that is not about keys: of this node, and where that is to be of all nodes, joined with what the
// others say. Where leaders or slots change meanwhile all are asked again: each speaks for what it leads when its turn comes.
func (c *conn) answered(r *row, args [][]byte) resp.Value {
	how, is := everywhere[r.spec.Name]
	if !is || !c.proxied {
		return r.handler(c, args)
	}
	for attempt := 0; ; attempt++ {
		before := c.server.cfg.Router.View()
		reply := r.handler(c, args)
		if !reply.IsError() {
			reply = c.askOthers(args, reply, how.readOnly, how.join)
		}
		settled := sameLeaders(before, c.server.cfg.Router.View())
		switch {
		case settled && !refusedForNow(reply), reply.IsError() && !refusedForNow(reply):
			return reply
		case c.pauseReroute(attempt):
		case reply.IsError():
			return reply
		default:
			return errorReply(errEverywhere)
		}
	}
}

var errEverywhere = apierr.New(apierr.KindTryAgain, "leaders or slots changed while all nodes were asked, so that some shards may have been asked twice or not at all; repeat in a moment")

// sameLeaders tells whether every slot is led, in both views by the same nodes in the same terms.
func sameLeaders(a, b *router.View) bool {
	return b.Served() && a.Map.Epoch() == b.Map.Epoch() && slices.EqualFunc(a.Shards, b.Shards, func(x, y router.Shard) bool {
		return x.ID == y.ID && x.Leader == y.Leader && x.Term == y.Term
	})
}

// refusedForNow tells whether a reply says that nothing was done, and that it may be in a moment.
func refusedForNow(v resp.Value) bool {
	return v.IsError() && (bytes.HasPrefix(v.Str, []byte("CLUSTERDOWN ")) || bytes.HasPrefix(v.Str, []byte("TRYAGAIN ")))
}

// askOthers joins the reply of this node with those of the others that lead shards.
func (c *conn) askOthers(args [][]byte, own resp.Value, readOnly bool, join func([]resp.Value, [][]int) resp.Value) resp.Value {
	others := otherNodes(c.server.cfg.Router.View())
	replies := make([]resp.Value, len(others)+1)
	replies[0] = own
	session := c.proxySession()
	var asked sync.WaitGroup
	for i, node := range others {
		asked.Go(func() {
			reply, err := c.server.cfg.Proxy.Ask(node.RESP, session, args, readOnly, c.arrived.Add(router.CommitMax))
			if err != nil {
				replies[i+1] = errorReply(err)
			} else {
				replies[i+1] = fromElsewhere(reply)
			}
		})
	}
	asked.Wait()
	for _, v := range replies {
		if v.IsError() {
			return v
		}
	}
	return join(replies, nil)
}

// otherNodes lists the other nodes that are alive, or lead shards: one may have begun to lead that is not known to yet.
func otherNodes(v *router.View) (nodes []router.Node) {
	for _, n := range v.Nodes {
		leads := slices.ContainsFunc(v.Shards, func(s router.Shard) bool { return s.Leader == n.ID })
		if n.ID != v.Self && (leads || n.State == router.NodeAlive) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// errProxied refuses what a server that redirects nobody can't keep.
func errProxied(what, instead string) resp.Value {
	return errorReply(apierr.New(apierr.KindUnsupported, "%s does not go through a server that redirects no client; %s", what, instead))
}
