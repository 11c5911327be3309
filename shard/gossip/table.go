package gossip

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// nodesMax bounds the nodes that are remembered, so that forged ones cannot fill the memory. It is an order of
// magnitude above the clusters we aim at.
const nodesMax = 4096

// member is one row of the table.
type member struct {
	Node
	addr    string // ip:port that memberlist probes; not always the host name of Node.Gossip
	leaving bool   // the node said that this start of it leaves
}

// table is our own view of the nodes, built from memberlist's events: memberlist.Members cannot be read without a
// race. It has no lock and no clock: Gossip guards it and says what time it is.
type table struct {
	members map[string]*member
	retain  time.Duration // how long the start of a gone node counts, and its row is kept when room is short
}

func newTable(retain time.Duration) *table {
	return &table{members: make(map[string]*member), retain: retain}
}

// admit decides whether an alive message about n is taken. A lower start is a message from before a restart: it is
// refused unless the node has been gone for so long that nobody can still gossip about it. A higher start is
// believed at once, even while memberlist still clings to the old address: changed reports that.
func (t *table) admit(n Node, now time.Time) (changed bool, err error) {
	m, known := t.members[n.ID]
	if !known {
		return false, t.makeRoom(now)
	}
	if n.Start < m.Start {
		if m.State.gone() && now.Sub(m.Since) > t.retain {
			return false, nil
		}
		return false, fmt.Errorf("node %s: start %d is over, it has been started %d times", n.ID, n.Start, m.Start)
	}
	if n.Start > m.Start {
		state, since := m.State, m.Since
		m.Node = n
		m.State, m.Since = state, since
		m.leaving = false
		return true, nil
	}
	return false, nil
}

// makeRoom drops the node that is gone for longest if the table is full.
func (t *table) makeRoom(now time.Time) error {
	if len(t.members) < nodesMax {
		return nil
	}
	var oldest *member
	for _, m := range t.members {
		if m.State.gone() && now.Sub(m.Since) > t.retain && (oldest == nil || m.Since.Before(oldest.Since)) {
			oldest = m
		}
	}
	if oldest == nil {
		return fmt.Errorf("%d nodes are known, the most that gossip takes", nodesMax)
	}
	delete(t.members, oldest.ID)
	return nil
}

// alive records that memberlist has accepted n at addr.
func (t *table) alive(n Node, addr string, now time.Time) {
	m, known := t.members[n.ID]
	if !known {
		m = &member{}
		t.members[n.ID] = m
	}
	state, since := m.State, m.Since
	leaving := m.leaving && n.Start == m.Start
	m.Node, m.addr, m.leaving = n, addr, leaving
	m.State, m.Since = state, since
	m.turn(StateAlive, now)
}

// turn reports whether it changed the state.
func (m *member) turn(s State, now time.Time) bool {
	if m.State == s {
		return false
	}
	m.State, m.Since = s, now
	return true
}

// gone records that memberlist has given up the node. It reports the state in which the node is now.
func (t *table) gone(id string, now time.Time) (State, bool) {
	m, known := t.members[id]
	if !known || m.State.gone() {
		return 0, false
	}
	state := StateDead
	if m.leaving {
		state = StateLeft
	}
	return state, m.turn(state, now)
}

// depart records a departure. It reports whether it was news.
func (t *table) depart(d departure, now time.Time) bool {
	m, known := t.members[d.node]
	if !known || m.leaving || m.Start != d.start {
		return false
	}
	m.leaving = true
	if m.State == StateDead {
		m.turn(StateLeft, now)
	}
	return true
}

// probed records the outcome of a probe from this node.
func (t *table) probed(id string, answered bool, now time.Time) (State, bool) {
	m, known := t.members[id]
	if !known || m.State.gone() {
		return 0, false
	}
	state := StateSuspect
	if answered {
		state = StateAlive
	}
	return state, m.turn(state, now)
}

// forget drops a node that is gone.
func (t *table) forget(id string) bool {
	m, known := t.members[id]
	if !known || !m.State.gone() {
		return false
	}
	delete(t.members, id)
	return true
}

func (t *table) nodes() []Node {
	list := make([]Node, 0, len(t.members))
	for _, m := range t.members {
		list = append(list, m.Node)
	}
	slices.SortFunc(list, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (t *table) departures() []departure {
	var list []departure
	for _, m := range t.members {
		if m.leaving {
			list = append(list, departure{node: m.ID, start: m.Start})
		}
	}
	return list
}

// present counts the nodes that are not gone.
func (t *table) present() int {
	n := 0
	for _, m := range t.members {
		if !m.State.gone() {
			n++
		}
	}
	return n
}
