package respserver

import (
	"net"
	"strconv"
	"sync"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

// topology is the cluster as clients are shown it: every node a master of the slots that it leads. Clients take a node
// for either a master or a replica (redis-py: as it is listed first; lettuce: by its one line of CLUSTER NODES), and
// with many Raft groups a node is both.
//
// Some leader is named for every owned slot at all times, since clients refuse a map with holes (jedis, redis-py): while
// a shard elects, the leader that was known last stays listed, and answers or redirects.
type topology struct {
	mu   sync.Mutex // protects the field below
	last map[slot.ShardID]string
}

// ledNode is a node with the slots that it leads.
type ledNode struct {
	node   router.Node
	ranges []slot.Range
}

// nodes lists the nodes of the cluster by id, those without slots included.
func (t *topology) nodes(r *router.Router) []ledNode {
	v := r.View()
	leaders := t.leaders(r, v)
	led := make([]ledNode, len(v.Nodes))
	for i, n := range v.Nodes {
		led[i].node = n
		for _, a := range v.Map.Assignments() {
			if leaders[a.Shard] == n.ID {
				led[i].ranges = append(led[i].ranges, a.Range)
			}
		}
		led[i].ranges = slot.Normalize(led[i].ranges)
	}
	return led
}

// leaders names a node of the view for every shard.
func (t *topology) leaders(r *router.Router, v *router.View) map[slot.ShardID]string {
	here := map[slot.ShardID]bool{}
	for _, replica := range r.Leading() {
		here[replica.Shard()] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[slot.ShardID]string{}
	}
	leaders := make(map[slot.ShardID]string, len(v.Shards))
	for _, s := range v.Shards {
		candidates := append([]string{s.Leader, t.last[s.ID], s.Preferred}, s.Replicas...)
		if here[s.ID] {
			candidates[0] = v.Self
		}
		for _, id := range candidates {
			if _, known := v.Node(id); known {
				leaders[s.ID], t.last[s.ID] = id, id
				break
			}
		}
	}
	return leaders
}

// endpoint is where clients reach a node.
type endpoint struct {
	host string
	port int
}

func (e endpoint) String() string { return net.JoinHostPort(e.host, strconv.Itoa(e.port)) }

// endpointOf is the RESP address of a node as a client can use it. Where the node advertises no host, or that of all
// interfaces, it is taken from the node's other addresses, else from the address at which this client reached us: a
// client can do nothing with 0.0.0.0.
func endpointOf(n *router.Node, local string) endpoint {
	var e endpoint
	_, port, err := net.SplitHostPort(n.RESP)
	if err == nil {
		e.port, _ = strconv.Atoi(port)
	}
	for _, addr := range []string{n.RESP, n.Cluster, n.Gossip, n.GRPC, local} {
		host, _, err := net.SplitHostPort(addr)
		if ip := net.ParseIP(host); err != nil || host == "" || ip != nil && ip.IsUnspecified() {
			continue
		}
		e.host = host
		return e
	}
	e.host = "127.0.0.1"
	return e
}

// clusterPort is the port of a node's cluster address, 0 where it has none.
func clusterPort(n *router.Node) int {
	_, port, err := net.SplitHostPort(n.Cluster)
	if err != nil {
		return 0
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return p
}
