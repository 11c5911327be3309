package host

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// minTick bounds how often heartbeats go out at short timings.
const minTick = 5 * time.Millisecond

// State is the newest state of the cluster that this node knows, by its own replica of the meta group or by another
// node's word.
func (h *Host) State() *meta.State {
	var state *meta.State
	if m := h.localMeta(); m != nil {
		state = m.State()
	}
	if w := h.watched.Load(); w != nil && (state == nil || w.Applied() > state.Applied()) {
		state = w
	}
	if state == nil {
		state = meta.New().State()
	}
	return state
}

// MetaLeader is the node that leads the meta group, as far as this node knows.
func (h *Host) MetaLeader() string {
	if m := h.localMeta(); m != nil {
		if node, _ := m.KnownLeader(); node != "" {
			return node
		}
	}
	return ""
}

// LeadsMeta tells whether this node leads the meta group.
func (h *Host) LeadsMeta() bool {
	m := h.localMeta()
	if m == nil {
		return false
	}
	_, leads := m.Leader()
	return leads
}

// isMember tells whether this node's replica of the meta group receives the log.
func (h *Host) isMember() bool {
	m := h.localMeta()
	if m == nil {
		return false
	}
	members := m.Members()
	return slices.Contains(members.Voters, h.cfg.Self.ID) || slices.Contains(members.Learners, h.cfg.Self.ID)
}

// ProposeHere commits a meta command if this node leads the meta group; otherwise the error names the leader by its id.
func (h *Host) ProposeHere(ctx context.Context, command []byte) (meta.Result, error) {
	m := h.localMeta()
	if m == nil {
		return meta.Result{}, apierr.New(apierr.KindNotLeader, "meta group: this node is not a member; not applied, retry at one")
	}
	if _, leads := m.Leader(); !leads {
		leader, _ := m.KnownLeader()
		err := apierr.New(apierr.KindNotLeader, "meta group: this node is not the leader; not applied, retry at %q", leader)
		err.Addr = leader
		return meta.Result{}, err
	}
	return m.Propose(ctx, command)
}

// Propose commits a meta command at whichever node leads, and returns what the state machine made of it. Only attempts
// that were certainly not applied are repeated.
func (h *Host) Propose(ctx context.Context, command *storagev1.MetaCommand) (meta.Result, error) {
	data := meta.Encode(command)
	var result meta.Result
	err := h.atLeader(ctx, func(ctx context.Context, node string) (err error) {
		if node == h.cfg.Self.ID {
			result, err = h.ProposeHere(ctx, data)
		} else {
			result, err = h.cfg.Nodes.Propose(ctx, node, data)
		}
		return err
	})
	return result, err
}

// Latest returns a state that holds everything committed before the call.
func (h *Host) Latest(ctx context.Context) (*meta.State, error) {
	var state *meta.State
	err := h.atLeader(ctx, func(ctx context.Context, node string) error {
		if node == h.cfg.Self.ID {
			m := h.localMeta()
			if err := m.Sync(ctx); err != nil {
				return err
			}
			state = m.State()
			return nil
		}
		data, err := h.cfg.Nodes.ReadMeta(ctx, node, true)
		if err != nil {
			return err
		}
		state, err = decodeState(data)
		return err
	})
	return state, err
}

// LatestHere is Latest for another node that asks this one; only the meta leader answers.
func (h *Host) LatestHere(ctx context.Context) (*meta.State, error) {
	m := h.localMeta()
	if m == nil {
		return nil, apierr.New(apierr.KindNotLeader, "meta group: this node is not a member; ask one")
	}
	if _, leads := m.Leader(); !leads {
		leader, _ := m.KnownLeader()
		err := apierr.New(apierr.KindNotLeader, "meta group: this node is not the leader; ask %q", leader)
		err.Addr = leader
		return nil, err
	}
	if err := m.Sync(ctx); err != nil {
		return nil, err
	}
	return m.State(), nil
}

func decodeState(snapshot []byte) (*meta.State, error) {
	m := meta.New()
	if err := m.Restore(snapshot); err != nil {
		return nil, err
	}
	return m.State(), nil
}

// retryPause is how long to wait before the meta leader is looked for again.
const retryPause = 50 * time.Millisecond

// atLeader runs call at the meta leader: where one is believed to be, then where the answer points, then everywhere.
func (h *Host) atLeader(ctx context.Context, call func(ctx context.Context, node string) error) error {
	var last error
	hint := h.MetaLeader()
	for {
		for _, node := range h.candidates(hint) {
			err := call(ctx, node)
			if err == nil {
				return nil
			}
			last = err
			e := apierr.Of(err)
			if e.Kind != apierr.KindNotLeader && e.Result() != apierr.OutcomeNotApplied {
				return err
			}
			if hint = ""; e.Kind == apierr.KindNotLeader && e.Addr != "" && e.Addr != node {
				hint = e.Addr
				break
			}
		}
		select {
		case <-ctx.Done():
			return errors.Join(apierr.New(apierr.KindClusterDown, "the meta group has no leader that can be reached; not applied, retry"), last)
		case <-time.After(retryPause):
		}
		if hint == "" {
			hint = h.MetaLeader()
		}
	}
}

// candidates lists the nodes that may lead the meta group, the likeliest first.
func (h *Host) candidates(hint string) []string {
	var nodes []string
	add := func(id string) {
		if id != "" && !slices.Contains(nodes, id) {
			nodes = append(nodes, id)
		}
	}
	add(hint)
	if hint != "" {
		return nodes
	}
	for _, id := range h.State().MetaVoters() {
		add(id)
	}
	add(h.cfg.Self.ID)
	for _, n := range h.cfg.Book.Nodes() {
		add(n.ID)
	}
	return nodes
}

// followMeta keeps up with the meta group by another node's word, while this node is no member of it.
func (h *Host) followMeta() {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for next := 0; ; next++ {
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
		}
		if h.isMember() {
			continue
		}
		var others []string
		for _, id := range h.candidates("") {
			if id != h.cfg.Self.ID {
				others = append(others, id)
			}
		}
		if len(others) == 0 {
			continue
		}
		h.watchAt(others[next%len(others)])
	}
}

// watchAt follows the meta state of one node until the connection ends, or until this node has become a member itself.
func (h *Host) watchAt(node string) {
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	_ = h.cfg.Nodes.WatchMeta(ctx, node, h.State().Applied(), func(snapshot []byte) error {
		state, err := decodeState(snapshot)
		if err != nil {
			return err
		}
		if old := h.watched.Load(); old == nil || old.Applied() < state.Applied() {
			h.watched.Store(state)
			h.signal()
		}
		if h.isMember() {
			cancel()
		}
		return nil
	})
}

// stayRegistered makes the meta group know this start of this node and its addresses, and founds the cluster where this
// node is its founder.
func (h *Host) stayRegistered() {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		if command := h.registration(); command != nil {
			ctx, cancel := context.WithTimeout(h.ctx, latestMax)
			result, err := h.Propose(ctx, command)
			cancel()
			switch {
			case err == nil && result.Err != nil:
				h.cfg.Logger.Error("the cluster refuses this node; stop it", "err", result.Err)
			case err == nil && len(result.Displaced) > 0:
				h.cfg.Logger.Warn("this node has taken over an address of other nodes; check their advertise addresses", "nodes", result.Displaced)
			}
		}
		for _, n := range h.State().Nodes() {
			h.cfg.Book.Note(n)
		}
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// registration is the command that is missing for this node to be known as it is, or nil.
func (h *Host) registration() *storagev1.MetaCommand {
	state, self := h.State(), h.cfg.Self
	register := &storagev1.RegisterNode{Id: self.ID, StartCount: self.StartCount, Addresses: self.Addresses.Proto(), Zone: self.Zone, Version: self.Version}
	if !state.Initialized() {
		if !h.LeadsMeta() {
			return nil
		}
		return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
			ClusterId: h.cfg.Folder.ClusterID(), CreatedMs: time.Now().UnixMilli(), FirstNode: register, Settings: h.cfg.Settings.Proto(),
		}}}
	}
	if known, ok := state.Node(self.ID); ok && known.StartCount == self.StartCount && known.Addresses == self.Addresses && known.Zone == self.Zone && known.Version == self.Version {
		return nil
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: register}}
}
