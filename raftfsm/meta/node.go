package meta

import (
	"slices"
	"strconv"
	"strings"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// Node is one node of the cluster.
type Node struct {
	// ID is random and comes from the node's data folder.
	ID    string
	Phase NodePhase
	// StartCount is the newest start of the node that has registered.
	StartCount uint64
	Addresses  Addresses
	// Zone is a failure domain; may be empty.
	Zone string
	// Version is that of the program the node runs.
	Version string
	// MaxMemoryBytes is what keys and values may take on the node; 0 means no limit.
	MaxMemoryBytes int64
	// Draining means that the node is to give up all that it holds: replicas, leaderships, its vote in the meta group.
	Draining bool
}

// Addresses are where a node is reached, each host:port. One is empty where the node has no such listener, or where a
// node that registered later has taken it over.
type Addresses struct{ RESP, GRPC, Cluster, Gossip, HTTP string }

// NodePhase is where a node stands in its life. The zero value is a node that nobody has heard of.
type NodePhase uint8

const (
	// NodeRegistered belongs to the cluster.
	NodeRegistered = NodePhase(storagev1.NodePhase_NODE_PHASE_REGISTERED)
	// NodeRemoved was taken out for good; only its id is kept.
	NodeRemoved = NodePhase(storagev1.NodePhase_NODE_PHASE_REMOVED)
)

type nodeEvent uint8

const (
	nodeRegisters nodeEvent = iota + 1
	nodeIsRemoved
)

// nodeMoves is the life of a node. What is not in the table is refused.
var nodeMoves = map[NodePhase]map[nodeEvent]NodePhase{
	0:              {nodeRegisters: NodeRegistered},
	NodeRegistered: {nodeRegisters: NodeRegistered, nodeIsRemoved: NodeRemoved},
	NodeRemoved:    {nodeIsRemoved: NodeRemoved},
}

// registerNode adds a node or updates what is known of it.
//
// The newest start of a node speaks for it. An address belongs to the node that registered it last: the one that held
// it before must be gone (an address is given to a new node once the old one's machine, container or folder is), or
// else one of the two advertises what is not its own. Which of these holds cannot be known here, and refusing would
// lock out a node whose folder was wiped, so the other node loses the address and the result names it.
func (v *values) registerNode(c *storagev1.RegisterNode, r *Result) error {
	node := Node{
		ID: c.Id, StartCount: c.StartCount, Zone: c.Zone, Version: c.Version,
		Addresses: addressesFromProto(c.Addresses),
	}
	if err := node.check(); err != nil {
		return err
	}
	var known Node
	if i, ok := v.findNode(c.Id); ok {
		known = v.nodes[i]
		node.MaxMemoryBytes, node.Draining = known.MaxMemoryBytes, known.Draining // other commands change them
	}
	phase, ok := nodeMoves[known.Phase][nodeRegisters]
	if !ok {
		return apierr.New(apierr.KindInvalid, "node %s was removed from the cluster; not applied, start it on an empty data folder so that it joins under a new id", c.Id)
	}
	node.Phase = phase
	switch {
	case known == node:
		return nil
	case c.StartCount < known.StartCount:
		return apierr.New(apierr.KindInvalid, "node %s: start %d is older than start %d, which has registered; not applied, stop the older process, or if the data folder is an old copy start on an empty one", c.Id, c.StartCount, known.StartCount)
	case c.StartCount == known.StartCount:
		return apierr.New(apierr.KindInvalid, "node %s: start %d has registered with other addresses (%s, now %s); not applied, another process runs on a copy of the data folder or a later node advertises the same address: stop one, or correct its address, and start this one again", c.Id, c.StartCount, known.Addresses, node.Addresses)
	case known.Phase == 0 && v.countNodes(NodeRegistered) >= NodesMax:
		return apierr.New(apierr.KindTooLarge, "node %s: the cluster has %d nodes already, its limit; not applied, remove one first", c.Id, NodesMax)
	}
	v.putNode(node)
	v.displace(node, r)
	r.Changed = true
	return nil
}

// displace takes the addresses of node away from all others.
func (v *values) displace(node Node, r *Result) {
	for _, other := range v.nodes {
		if other.ID == node.ID {
			continue
		}
		if left := other.Addresses.without(node.Addresses); left != other.Addresses {
			other.Addresses = left
			v.putNode(other)
			r.Displaced = append(r.Displaced, other.ID)
		}
	}
}

// removeNode takes out a node that nothing depends on.
func (v *values) removeNode(c *storagev1.RemoveNode, r *Result) error {
	i, known := v.findNode(c.Id)
	if !known {
		return apierr.New(apierr.KindNotFound, "node %s is not known; not applied, see holt cluster nodes", c.Id)
	}
	phase, ok := nodeMoves[v.nodes[i].Phase][nodeIsRemoved]
	switch {
	case !ok:
		return apierr.New(apierr.KindInvalid, "node %s cannot be removed; not applied", c.Id)
	case phase == v.nodes[i].Phase:
		return nil
	case slices.Contains(v.metaVoters, c.Id):
		return apierr.New(apierr.KindInvalid, "node %s votes in the meta group; not applied, let another node take its place first", c.Id)
	}
	for _, s := range v.shards {
		if slices.Contains(s.Replicas, c.Id) {
			return apierr.New(apierr.KindInvalid, "node %s holds a replica of shard %d; not applied, move its replicas to other nodes first", c.Id, s.ID)
		}
	}
	if v.countNodes(NodeRemoved) >= RemovedMax {
		return apierr.New(apierr.KindTooLarge, "node %s: %d removed nodes are remembered already, the limit; not applied, leave it registered", c.Id, RemovedMax)
	}
	v.putNode(Node{ID: c.Id, Phase: phase})
	r.Changed = true
	return nil
}

func (v *values) countNodes(phase NodePhase) int {
	count := 0
	for _, n := range v.nodes {
		if n.Phase == phase {
			count++
		}
	}
	return count
}

// check tells what is wrong with a node that wants to register.
func (n Node) check() error {
	if err := checkID("node id", n.ID); err != nil {
		return err
	}
	if n.StartCount == 0 {
		return apierr.New(apierr.KindInvalid, "node %s: start count 0; not applied, starts are counted from 1", n.ID)
	}
	if n.Addresses.Cluster == "" {
		return apierr.New(apierr.KindInvalid, "node %s: no cluster address; not applied, other nodes could not reach it", n.ID)
	}
	for _, address := range n.Addresses.list() {
		if address != "" && !validAddress(address) {
			return apierr.New(apierr.KindInvalid, "node %s: %.300q is no address; not applied, use host:port", n.ID, address)
		}
	}
	for _, label := range []string{n.Zone, n.Version} {
		if len(label) > labelBytesMax || !printable(label) {
			return apierr.New(apierr.KindInvalid, "node %s: zone and version are at most %d printable ASCII characters without spaces, got %.300q; not applied", n.ID, labelBytesMax, label)
		}
	}
	return nil
}

func checkID(what, id string) error {
	if id == "" || len(id) > idBytesMax || !printable(id) {
		return apierr.New(apierr.KindInvalid, "%s %.100q is not 1 to %d printable ASCII characters without spaces; not applied", what, id, idBytesMax)
	}
	return nil
}

// printable tells whether all of s is printable ASCII other than space, so that it can stand in a RESP line.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// validAddress accepts host:port with a port from 1 to 65535; the host may be a name, IPv4, or IPv6 in brackets.
func validAddress(s string) bool {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 || len(s) > addressBytesMax || !printable(s) {
		return false
	}
	host := s[:i]
	if strings.Contains(host, ":") && (host[0] != '[' || host[len(host)-1] != ']') {
		return false
	}
	port, err := strconv.ParseUint(s[i+1:], 10, 16)
	return err == nil && port > 0
}

func (a Addresses) list() []string { return []string{a.RESP, a.GRPC, a.Cluster, a.Gossip, a.HTTP} }

// String lists the addresses that are set, for error texts.
func (a Addresses) String() string {
	set := slices.DeleteFunc(a.list(), func(s string) bool { return s == "" })
	return strings.Join(set, " ")
}

// without is a with every address empty that other has for the same purpose.
func (a Addresses) without(other Addresses) Addresses {
	for _, pair := range []struct {
		mine   *string
		theirs string
	}{
		{&a.RESP, other.RESP}, {&a.GRPC, other.GRPC}, {&a.Cluster, other.Cluster},
		{&a.Gossip, other.Gossip}, {&a.HTTP, other.HTTP},
	} {
		if *pair.mine == pair.theirs {
			*pair.mine = ""
		}
	}
	return a
}
