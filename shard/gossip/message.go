package gossip

import (
	"encoding/binary"
	"fmt"
)

// departure says that a node leaves on purpose. It counts for this start of the node only.
type departure struct {
	node  string
	start uint64
}

// encodeMeta writes what of n is announced with every alive message of memberlist.
func encodeMeta(tag clusterTag, n Node) []byte {
	b := appendHeader(nil, kindMeta, tag)
	b = binary.AppendUvarint(b, n.Start)
	b = binary.AppendUvarint(b, n.Epoch)
	for _, s := range []string{n.RESP, n.GRPC, n.Cluster, n.HTTP, n.Gossip, n.Zone} {
		b = appendString(b, s)
	}
	return b
}

// decodeMeta is the inverse of encodeMeta; ID, State and Since stay empty.
func decodeMeta(tag clusterTag, b []byte) (Node, error) {
	k, r, err := readHeader(b, tag)
	if err != nil {
		return Node{}, err
	}
	if k != kindMeta {
		return Node{}, fmt.Errorf("%w: kind %d where metadata belongs", errMalformed, k)
	}
	n := Node{Start: r.uvarint(), Epoch: r.uvarint()}
	for _, s := range []*string{&n.RESP, &n.GRPC, &n.Cluster, &n.HTTP, &n.Gossip, &n.Zone} {
		*s = r.string(validText)
	}
	if err := r.end(); err != nil {
		return Node{}, err
	}
	return n, nil
}

func appendLeader(b []byte, l Leader) []byte {
	b = binary.AppendUvarint(b, l.Shard)
	b = binary.AppendUvarint(b, l.Term)
	return appendString(b, l.Node)
}

// readLeader refuses term 0: Raft has no leader in it.
func readLeader(r *reader) Leader {
	l := Leader{Shard: r.uvarint(), Term: r.uvarint(), Node: r.string(validIDOrEmpty)}
	if l.Term == 0 {
		r.bad = true
	}
	return l
}

func appendDeparture(b []byte, d departure) []byte {
	return binary.AppendUvarint(appendString(b, d.node), d.start)
}

func readDeparture(r *reader) departure {
	return departure{node: r.string(validID), start: r.uvarint()}
}

func encodeLeader(tag clusterTag, l Leader) []byte {
	return appendLeader(appendHeader(nil, kindLeader, tag), l)
}

func encodeDeparture(tag clusterTag, d departure) []byte {
	return appendDeparture(appendHeader(nil, kindLeft, tag), d)
}

// hints is the content of one user message or of one push/pull state.
type hints struct {
	leaders    []Leader
	departures []departure
}

func encodeState(tag clusterTag, h hints) []byte {
	b := appendHeader(nil, kindState, tag)
	b = binary.AppendUvarint(b, uint64(len(h.leaders)))
	for _, l := range h.leaders {
		b = appendLeader(b, l)
	}
	b = binary.AppendUvarint(b, uint64(len(h.departures)))
	for _, d := range h.departures {
		b = appendDeparture(b, d)
	}
	return b
}

// decodeHints reads a user message (one leader or one departure) or a push/pull state (many).
func decodeHints(tag clusterTag, b []byte) (hints, error) {
	k, r, err := readHeader(b, tag)
	if err != nil {
		return hints{}, err
	}
	var h hints
	switch k {
	case kindLeader:
		h.leaders = []Leader{readLeader(r)}
	case kindLeft:
		h.departures = []departure{readDeparture(r)}
	case kindState:
		for range r.count(3, leadersMax) {
			h.leaders = append(h.leaders, readLeader(r))
		}
		for range r.count(3, nodesMax) {
			h.departures = append(h.departures, readDeparture(r))
		}
	default:
		return hints{}, fmt.Errorf("%w: unknown kind %d", errMalformed, k)
	}
	if err := r.end(); err != nil {
		return hints{}, err
	}
	return h, nil
}
