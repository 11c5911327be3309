package gossip

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
)

// delegate is what memberlist calls. Most calls come with memberlist's node lock held: no method may call memberlist
// or block.
type delegate struct{ g *Gossip }

var (
	_ memberlist.Delegate      = delegate{}
	_ memberlist.EventDelegate = delegate{}
	_ memberlist.AliveDelegate = delegate{}
	_ memberlist.MergeDelegate = delegate{}
	_ memberlist.PingDelegate  = delegate{}
)

// NotifyAlive decides whether an alive message is taken at all, before memberlist looks at it.
func (d delegate) NotifyAlive(n *memberlist.Node) error {
	g := d.g
	node, err := g.vet(n)
	if err != nil {
		g.count(func(s *Stats) { s.NodesRefused++ })
		return err
	}
	if n.Name == g.id {
		return nil
	}
	g.mu.Lock()
	changed, err := g.table.admit(node, time.Now())
	if err != nil {
		g.stats.NodesRefused++
	}
	g.mu.Unlock()
	if changed {
		g.watchers.signal()
	}
	return err
}

// vet checks name, metadata, cluster and protocol versions. memberlist refuses all exchanges with anybody once one
// node claims a version range that excludes the others (verifyProtocol), so such a claim must not get in.
func (g *Gossip) vet(n *memberlist.Node) (Node, error) {
	if !validID(n.Name) {
		return Node{}, fmt.Errorf("%w: node name %q", errMalformed, n.Name)
	}
	node, err := decodeMeta(g.tag, n.Meta)
	if err != nil {
		return Node{}, fmt.Errorf("node %s: %w", n.Name, err)
	}
	const spoken = memberlist.ProtocolVersion2Compatible
	if n.PCur != spoken || n.PMin > spoken || n.PMax < spoken || n.DCur != 0 || n.DMin != 0 {
		return Node{}, fmt.Errorf("%w: node %s claims protocol versions %d-%d-%d, %d-%d-%d",
			errMalformed, n.Name, n.PMin, n.PCur, n.PMax, n.DMin, n.DCur, n.DMax)
	}
	node.ID = n.Name
	return node, nil
}

// NotifyMerge refuses the whole state of a node that joins, or is joined, if any of it is of another cluster.
func (d delegate) NotifyMerge(nodes []*memberlist.Node) error {
	g := d.g
	for _, n := range nodes {
		if _, err := g.vet(n); err != nil {
			g.count(func(s *Stats) { s.MergesRefused++ })
			return fmt.Errorf("state not merged: %w", err)
		}
	}
	return nil
}

func (d delegate) NotifyJoin(n *memberlist.Node)   { d.accepted(n) }
func (d delegate) NotifyUpdate(n *memberlist.Node) { d.accepted(n) }

func (d delegate) accepted(n *memberlist.Node) {
	g := d.g
	if n.Name == g.id {
		return // our own row is written by ourselves
	}
	node, err := g.vet(n)
	if err != nil {
		return // cannot be: NotifyAlive has vetted it; and memberlist offers no way to object here
	}
	g.mu.Lock()
	before := g.stateLocked(n.Name)
	g.table.alive(node, address(n), time.Now())
	g.present.Store(int64(g.table.present()))
	g.mu.Unlock()
	g.watchers.signal()
	if before != StateAlive {
		g.log.info("node is alive", "node", n.Name, "start", node.Start, "address", node.Gossip)
	}
}

func (d delegate) NotifyLeave(n *memberlist.Node) {
	g := d.g
	if n.Name == g.id {
		return
	}
	g.mu.Lock()
	state, changed := g.table.gone(n.Name, time.Now())
	g.present.Store(int64(g.table.present()))
	g.mu.Unlock()
	if !changed {
		return
	}
	g.watchers.signal()
	poke(g.rejoin)
	g.log.info("node is gone", "node", n.Name, "state", state.String())
}

// AckPayload is part of memberlist.PingDelegate; our acks carry nothing.
func (d delegate) AckPayload() []byte { return nil }

// NotifyPingComplete hears of probes that were answered over UDP at once.
func (d delegate) NotifyPingComplete(other *memberlist.Node, _ time.Duration, _ []byte) {
	d.g.probed(other.Name, true)
}

// probed takes the outcome of one probe of ours; see "Divergences" in the package doc.
func (g *Gossip) probed(id string, answered bool) {
	g.mu.Lock()
	state, changed := g.table.probed(id, answered, time.Now())
	g.mu.Unlock()
	if changed {
		g.watchers.signal()
		g.log.info("node changed state", "node", id, "state", state.String())
	}
}

// NodeMeta is called by Create and UpdateNode. Open has made sure that the longest metadata of this node fits, since
// memberlist panics if it does not.
func (d delegate) NodeMeta(int) []byte {
	g := d.g
	g.mu.Lock()
	self := g.table.members[g.id].Node
	g.mu.Unlock()
	return encodeMeta(g.tag, self)
}

// NotifyMsg takes a user message. memberlist hands them over newest first and drops some.
func (d delegate) NotifyMsg(b []byte) { d.g.take(b, true) }

// MergeRemoteState takes the hints of one push/pull. They are not broadcast again: push/pull spreads them as well,
// and a node that comes back with old hints must not start a storm.
func (d delegate) MergeRemoteState(b []byte, _ bool) { d.g.take(b, false) }

// LocalState is what push/pull sends.
func (d delegate) LocalState(bool) []byte {
	g := d.g
	g.mu.Lock()
	h := hints{leaders: g.leaders.list(), departures: g.table.departures()}
	g.mu.Unlock()
	return encodeState(g.tag, h)
}

func (d delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return d.g.queue.GetBroadcasts(overhead, limit)
}

// take merges hints from the wire; spread sends what was new to others.
func (g *Gossip) take(b []byte, spread bool) {
	h, err := decodeHints(g.tag, b)
	if err != nil {
		g.count(func(s *Stats) {
			if errors.Is(err, errForeign) {
				s.MessagesForeign++
			} else {
				s.MessagesMalformed++
			}
		})
		return
	}
	now := time.Now()
	g.mu.Lock()
	h.leaders = slices.DeleteFunc(h.leaders, func(l Leader) bool { return g.offerLocked(l) != offerNews })
	h.departures = slices.DeleteFunc(h.departures, func(p departure) bool {
		return p.node == g.id || !g.table.depart(p, now)
	})
	g.mu.Unlock()
	if len(h.leaders)+len(h.departures) == 0 {
		return
	}
	g.watchers.signal()
	if !spread {
		return
	}
	for _, l := range h.leaders {
		g.spreadLeader(l)
	}
	for _, p := range h.departures {
		g.spreadDeparture(p, nil)
	}
}

func address(n *memberlist.Node) string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}
