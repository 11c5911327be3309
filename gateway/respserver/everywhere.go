package respserver

import (
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

// askEverywhere adds to the reply of this node what the others that lead shards say.
func (c *conn) askEverywhere(r *row, args [][]byte, own resp.Value) resp.Value {
	how, is := everywhere[r.spec.Name]
	if !is || !c.proxied || own.IsError() {
		return own
	}
	others := otherNodes(c.server.cfg.Router.View())
	replies := make([]resp.Value, len(others)+1)
	replies[0] = own
	session := c.proxySession()
	var asked sync.WaitGroup
	for i, node := range others {
		asked.Go(func() {
			reply, err := c.server.cfg.Proxy.Ask(node.RESP, session, args, how.readOnly, c.arrived.Add(router.CommitMax))
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
	return how.join(replies, nil)
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
