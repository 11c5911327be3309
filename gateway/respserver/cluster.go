package respserver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// clusterHandlers are the subcommands of CLUSTER.
func clusterHandlers() map[string]handler {
	return map[string]handler{
		"cluster|slots": (*conn).clusterSlots, "cluster|shards": (*conn).clusterShards, "cluster|nodes": (*conn).clusterNodes,
		"cluster|info": (*conn).clusterInfo, "cluster|myid": (*conn).clusterMyID, "cluster|myshardid": (*conn).clusterMyID,
		"cluster|keyslot":         func(_ *conn, args [][]byte) resp.Value { return resp.Int(int64(slot.Of(args[2]))) },
		"cluster|countkeysinslot": (*conn).clusterCountKeys, "cluster|getkeysinslot": (*conn).clusterGetKeys,
		"cluster|links":    func(*conn, [][]byte) resp.Value { return resp.Array() },
		"cluster|replicas": (*conn).clusterReplicas, "cluster|slaves": (*conn).clusterReplicas,
	}
}

var (
	errSlot      = apierr.New(apierr.KindInvalid, "Invalid or out of range slot")
	errCountSlot = apierr.New(apierr.KindInvalid, "Invalid slot")
)

// clusterSlots lists leaders only, one entry a range.
func (c *conn) clusterSlots([][]byte) resp.Value {
	type entry struct {
		slot.Range
		node resp.Value
	}
	var entries []entry
	for _, n := range c.server.topology.nodes(c.server.cfg.Router) {
		at := endpointOf(&n.node, c.local)
		node := resp.Array(resp.BulkString(at.host), resp.Int(int64(at.port)), resp.BulkString(n.node.ID), resp.Array())
		for _, r := range n.ranges {
			entries = append(entries, entry{r, node})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.First, b.First) })
	replies := make([]resp.Value, len(entries))
	for i, e := range entries {
		replies[i] = resp.Array(resp.Int(int64(e.First)), resp.Int(int64(e.Last)), e.node)
	}
	return resp.Array(replies...)
}

// clusterShards has one entry for each node that leads: rueidis forgets the first of two entries with one master.
func (c *conn) clusterShards([][]byte) resp.Value {
	replies := []resp.Value{}
	for _, n := range c.server.topology.nodes(c.server.cfg.Router) {
		if len(n.ranges) == 0 {
			continue
		}
		var slots []resp.Value
		for _, r := range n.ranges {
			slots = append(slots, resp.Int(int64(r.First)), resp.Int(int64(r.Last)))
		}
		at := endpointOf(&n.node, c.local)
		replies = append(replies, resp.Map(
			resp.BulkString("slots"), resp.Array(slots...),
			resp.BulkString("nodes"), resp.Array(resp.Map(
				resp.BulkString("id"), resp.BulkString(n.node.ID),
				resp.BulkString("port"), resp.Int(int64(at.port)),
				resp.BulkString("ip"), resp.BulkString(at.host),
				resp.BulkString("endpoint"), resp.BulkString(at.host),
				resp.BulkString("role"), resp.BulkString("master"),
				resp.BulkString("replication-offset"), resp.Int(0),
				resp.BulkString("health"), resp.BulkString("online"), // clients leave out what is not, and its slots with it
			)),
		))
	}
	return resp.Array(replies...)
}

// clusterNodes has one line a node (redis.io/commands/cluster-nodes).
func (c *conn) clusterNodes([][]byte) resp.Value {
	v := c.server.cfg.Router.View()
	leaders := c.server.topology.leaders(c.server.cfg.Router, v)
	var text strings.Builder
	for _, n := range c.server.topology.nodes(c.server.cfg.Router) {
		at := endpointOf(&n.node, c.local)
		flags, link := "master", "connected"
		if n.node.ID == v.Self {
			flags = "myself,master"
		}
		switch n.node.State {
		case router.NodeSuspect:
			flags += ",fail?"
		case router.NodeDead:
			flags, link = flags+",fail", "disconnected"
		}
		fmt.Fprintf(&text, "%s %s@%d %s - 0 0 %d %s", n.node.ID, at, clusterPort(&n.node), flags, v.Map.Epoch(), link)
		for _, r := range n.ranges {
			fmt.Fprintf(&text, " %v", r)
		}
		if n.node.ID == v.Self {
			text.WriteString(markers(v, leaders))
		}
		text.WriteByte('\n')
	}
	return resp.Verbatim("txt", text.String())
}

// markers names the slots that are on their way from this node's shards, [slot->-node], and to them, [slot-<-node], until it is
// decided whose they are (redis.io/commands/cluster-nodes). Where a node leads both shards there is none.
func markers(v *router.View, leaders map[slot.ShardID]string) string {
	var text strings.Builder
	for _, m := range v.Migrations {
		from, to := leaders[m.From], leaders[m.To]
		arrow, other := "->-", to
		if to == v.Self {
			arrow, other = "-<-", from
		}
		if m.Stage != router.MigrationRunning || from == to || from != v.Self && to != v.Self || other == "" {
			continue
		}
		for _, r := range m.Ranges {
			for s := int(r.First); s <= int(r.Last); s++ {
				fmt.Fprintf(&text, " [%d%s%s]", s, arrow, other)
			}
		}
	}
	return text.String()
}

// clusterInfo tells how many slots have a leader that is known now, whatever CLUSTER SLOTS goes on listing.
func (c *conn) clusterInfo([][]byte) resp.Value {
	v := c.server.cfg.Router.View()
	assigned, ok := 0, 0
	for _, a := range v.Map.Assignments() {
		assigned += a.Range.Len()
		if _, found := c.server.cfg.Router.Find(a.Range.First, router.NotAsked); found {
			ok += a.Range.Len()
		}
	}
	state := "ok"
	if ok < slot.Count {
		state = "fail"
	}
	size := 0
	for _, n := range c.server.topology.nodes(c.server.cfg.Router) {
		if len(n.ranges) > 0 {
			size++
		}
	}
	var info infoText
	info.add("cluster_enabled", 1)
	info.add("cluster_state", state)
	info.add("cluster_slots_assigned", assigned)
	info.add("cluster_slots_ok", ok)
	info.add("cluster_slots_pfail", assigned-ok)
	info.add("cluster_slots_fail", 0)
	info.add("cluster_known_nodes", len(v.Nodes))
	info.add("cluster_size", size)
	info.add("cluster_current_epoch", v.Map.Epoch())
	info.add("cluster_my_epoch", v.Map.Epoch())
	info.add("cluster_stats_messages_sent", 0)
	info.add("cluster_stats_messages_received", 0)
	info.add("total_cluster_links_buffer_limit_exceeded", 0)
	return resp.Verbatim("txt", info.String())
}

// clusterMyID answers MYID, and MYSHARDID too: clients are shown one shard a node.
func (c *conn) clusterMyID([][]byte) resp.Value {
	return resp.BulkString(c.server.cfg.Router.View().Self)
}

func parseSlot(arg []byte) (slot.ID, bool) {
	n, err := ops.ParseInt(arg)
	return slot.ID(n), err == nil && n >= 0 && n < slot.Count
}

// clusterCountKeys counts the keys of a slot that this node holds, as leader or not; 0 where it holds none.
func (c *conn) clusterCountKeys(args [][]byte) resp.Value {
	if _, err := ops.ParseInt(args[2]); err != nil {
		return errorReply(err)
	}
	s, ok := parseSlot(args[2])
	if !ok {
		return errorReply(errCountSlot)
	}
	replica, here := c.server.cfg.Router.Stale(s)
	if !here {
		return resp.Int(0)
	}
	return resp.Int(int64(replica.KeysInSlot(s)))
}

// clusterReplicas has nothing to list: every node is shown as a master.
func (c *conn) clusterReplicas(args [][]byte) resp.Value {
	if _, known := c.server.cfg.Router.View().Node(string(args[2])); !known {
		return errorReply(unknownNode(args[2]))
	}
	return resp.Array()
}
