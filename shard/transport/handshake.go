package transport

import (
	"encoding/binary"
	"fmt"
	"net"
	"time"
)

// protocolVersion is the first field of a hello, so that any later version can refuse this one.
const protocolVersion = 4

// connKind says what a connection is for.
type connKind byte

const (
	control connKind = iota + 1
	data
)

func (k connKind) String() string {
	if k == control {
		return "control"
	}
	return "data"
}

// frameBytesMax bounds what a connection of this kind may carry in one frame.
func (k connKind) frameBytesMax() int {
	if k == control {
		return controlFrameBytesMax
	}
	return dataFrameBytesMax
}

// hello is what both ends say about themselves before anything else.
type hello struct {
	version  uint32
	cluster  string
	from, to string // node ids
	leaseMax time.Duration
	kind     connKind
}

func appendHello(b []byte, h hello) []byte {
	b = binary.LittleEndian.AppendUint32(b, h.version)
	b = appendText(b, h.cluster)
	b = appendText(b, h.from)
	b = appendText(b, h.to)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.leaseMax))
	return append(b, byte(h.kind))
}

// decodeHello stops at a version that it does not know: the rest may look different.
func decodeHello(body []byte) (hello, error) {
	d := decoder{rest: body}
	h := hello{version: d.uint32()}
	if d.err == nil && h.version != protocolVersion {
		return h, nil
	}
	h.cluster = d.text(nameBytesMax)
	h.from = d.text(nameBytesMax)
	h.to = d.text(nameBytesMax)
	h.leaseMax = time.Duration(d.uint64())
	h.kind = connKind(d.uint8())
	return h, d.end()
}

// check compares what the other end says about itself (got) with what this end would say in its place.
func (got hello) check(want hello) error {
	switch {
	case got.version != protocolVersion:
		return fmt.Errorf("protocol version %d, this node speaks %d", got.version, protocolVersion)
	case want.cluster == "":
		return fmt.Errorf("node %s belongs to no cluster yet", want.to)
	case got.cluster != want.cluster:
		return fmt.Errorf("cluster id %q, node %s belongs to cluster %q", got.cluster, want.to, want.cluster)
	case got.to != want.to:
		return fmt.Errorf("meant for node %q, this is node %q", got.to, want.to)
	case want.from != "" && got.from != want.from:
		return fmt.Errorf("node %q answers at the address of node %q", got.from, want.from)
	case got.from == "" || got.from == want.to:
		return fmt.Errorf("node id %q is not that of another node", got.from)
	case got.leaseMax != want.leaseMax:
		return fmt.Errorf("lease maximum (D_max) is %v, on node %s it is %v; it is fixed when the cluster is created and must be equal everywhere",
			got.leaseMax, want.to, want.leaseMax)
	case got.kind != control && got.kind != data:
		return fmt.Errorf("unknown kind of connection %d", got.kind)
	case want.kind != 0 && got.kind != want.kind:
		return fmt.Errorf("%v connection, want %v", got.kind, want.kind)
	}
	return nil
}

func (t *Transport) gaveUp(node string) bool { return t.cfg.GaveUp != nil && t.cfg.GaveUp(node) }

// greet is the dialing end of the handshake.
func (t *Transport) greet(conn net.Conn, node string, kind connKind) error {
	cluster := t.cfg.ClusterID()
	mine := hello{protocolVersion, cluster, t.cfg.NodeID, node, t.cfg.LeaseMax, kind}
	first := appendFrame(append([]byte(nil), Preface...), frameHello, 0, func(b []byte) []byte { return appendHello(b, mine) })
	if _, err := conn.Write(first); err != nil {
		return err
	}
	f, err := readFrame(conn, helloFrameBytesMax, nil)
	if err != nil {
		return err
	}
	switch f.kind {
	case frameRefused:
		d := decoder{rest: f.body}
		return fmt.Errorf("%w by the other end: %s", ErrRefused, d.text(errorTextBytesMax))
	case frameWelcome:
		got, err := decodeHello(f.body)
		if err == nil {
			err = got.check(hello{protocolVersion, cluster, node, t.cfg.NodeID, t.cfg.LeaseMax, kind})
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return nil
	}
	return fmt.Errorf("%w: frame kind %d in the handshake", ErrMalformed, f.kind)
}

// welcome is the accepting end of the handshake.
func (t *Transport) welcome(conn net.Conn) (hello, error) {
	f, err := readFrame(conn, helloFrameBytesMax, nil)
	if err != nil {
		return hello{}, err
	}
	if f.kind != frameHello {
		return hello{}, fmt.Errorf("%w: frame kind %d in the handshake", ErrMalformed, f.kind)
	}
	got, err := decodeHello(f.body)
	if err != nil {
		return hello{}, err
	}
	cluster := t.cfg.ClusterID()
	err = got.check(hello{version: protocolVersion, cluster: cluster, to: t.cfg.NodeID, leaseMax: t.cfg.LeaseMax})
	if err == nil && t.gaveUp(got.from) {
		err = fmt.Errorf("node %q was given up, and its cluster went on without it: empty its data folder and join as a new node", got.from)
	}
	if err != nil {
		reason := err.Error()
		refusal := appendFrame(nil, frameRefused, 0, func(b []byte) []byte {
			return appendText(b, reason[:min(len(reason), errorTextBytesMax)])
		})
		_, writeErr := conn.Write(refusal)
		if writeErr != nil {
			return got, fmt.Errorf("%w: %w; refusal not sent: %w", ErrRefused, err, writeErr)
		}
		return got, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	mine := hello{protocolVersion, cluster, t.cfg.NodeID, got.from, t.cfg.LeaseMax, got.kind}
	_, err = conn.Write(appendFrame(nil, frameWelcome, 0, func(b []byte) []byte { return appendHello(b, mine) }))
	return got, err
}
