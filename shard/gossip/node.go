package gossip

import "time"

// State says how a node looks from here.
type State uint8

// The states of a node. In CLUSTER NODES suspect is shown as fail? (PFAIL) and dead as fail.
const (
	StateAlive   State = iota + 1
	StateSuspect       // the last probe from here was answered neither over UDP nor over TCP
	StateDead          // the cluster gave it up
	StateLeft          // it said that it leaves, and left
)

func (s State) String() string {
	switch s {
	case StateAlive:
		return "alive"
	case StateSuspect:
		return "suspect"
	case StateDead:
		return "dead"
	case StateLeft:
		return "left"
	}
	return "unknown"
}

// gone says whether memberlist no longer probes such a node.
func (s State) gone() bool { return s == StateDead || s == StateLeft }

// Node is what gossip knows of one node.
type Node struct {
	ID    string // random node id; memberlist's name
	Start uint64 // how often this node has been started; a higher start wins over a lower one for addresses

	// Advertised addresses, host:port; empty if the node has none.
	RESP, GRPC, Cluster, HTTP, Gossip string

	Zone  string
	State State
	Since time.Time // when State last changed, by the clock of this node
	Epoch uint64    // the slot-map epoch that the node last announced
}

// Leader is a hint on who leads the Raft group of a shard; the highest term wins.
type Leader struct {
	Shard uint64
	Term  uint64
	Node  string // empty if the term is known but not its leader
}
