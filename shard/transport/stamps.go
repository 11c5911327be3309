package transport

import (
	"errors"
	"fmt"
)

const (
	// StampsBytesMax bounds one portion of access stamps: a millisecond on a link of 500 Mbit/s.
	StampsBytesMax = 64 << 10
	// stampsRoomBytes is what may wait for the connection and portions still join it. Entries come first.
	stampsRoomBytes = 64 << 10
	// stampsQueued bounds the portions of one group that wait to be applied.
	stampsQueued = 4
)

// Stamps is a portion of access stamps that a node sent as the shard's leader in a term.
type Stamps struct {
	From    string
	Term    uint64
	Portion []byte
}

var errConnecting = errors.New("not connected yet")

// SendStamps sends a portion of access stamps, which are hints: it never waits, nobody answers, and under pressure, or
// while the node is not connected, the portion is dropped. ErrBusy and ErrUnreachable tell which.
func (g *Group) SendStamps(to string, term uint64, portion []byte) error {
	err := g.sendStamps(to, term, portion)
	if err != nil {
		g.t.count.stampsDropped.Add(1)
		return fmt.Errorf("group %d: stamps to node %s: %w", g.id, to, err)
	}
	g.t.count.stampsSent.Add(1)
	return nil
}

func (g *Group) sendStamps(to string, term uint64, portion []byte) error {
	if len(portion) > StampsBytesMax {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrFrameTooLarge, len(portion), StampsBytesMax)
	}
	select {
	case <-g.stopped:
		return ErrClosed
	default:
	}
	l, err := g.t.link(to)
	if err != nil {
		return err
	}
	out, err := l.data.ready()
	if err != nil {
		return err
	}
	if !out.quiet(stampsRoomBytes) {
		return ErrBusy
	}
	return out.send(frameStamps, 0, func(b []byte) []byte { return appendStamps(b, stampsMessage{g.id, term, portion}) })
}

// Stamps gives the portions that other nodes sent for this group. A few are kept; what comes while they wait is dropped.
func (g *Group) Stamps() <-chan Stamps { return g.stamps }

// handleStamps passes a portion on. A group that does not run here has no use for it, and the sender no need to know.
func (in *inConn) handleStamps(d *decoder) error {
	m := d.stamps()
	if err := d.end(); err != nil {
		return err
	}
	g := in.t.group(m.group)
	if g == nil {
		in.t.count.stampsDropped.Add(1)
		return nil
	}
	select {
	case g.stamps <- Stamps{From: in.node, Term: m.term, Portion: m.portion}:
		in.t.count.stampsReceived.Add(1)
	default:
		in.t.count.stampsDropped.Add(1)
	}
	return nil
}

// ready returns the connection if it is open, and sees to it that it is going to be.
func (l *lane) ready() (*outConn, error) {
	a, err := l.current()
	if err != nil {
		return nil, err
	}
	select {
	case <-a.done:
		return a.out, a.err
	default:
		return nil, unreachable(l.node, errConnecting)
	}
}

// quiet tells whether fewer bytes than that wait for the writer.
func (c *framedConn) quiet(sizeBytes int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.pending) < sizeBytes
}
