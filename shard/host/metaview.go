package host

import (
	"context"
	"slices"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
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
	if w := h.watched.Load(); w != nil && (state == nil || w.Applied() > state.Applied() || h.isRemovedIn(w)) {
		state = w
	}
	if state == nil {
		state = meta.New().State()
	}
	return state
}

// MetaLeader is the node that leads the meta group, as far as this node knows: by its own replica, or where it is no
// member, the node that answered as the leader last.
func (h *Host) MetaLeader() string {
	if m := h.localMeta(); m != nil {
		if node, _ := m.KnownLeader(); node != "" {
			return node
		}
		// One that was removed while it was down, or by the last message that it missed, does not know that it is no member.
		if h.isMember() && slices.Contains(h.State().MetaVoters(), h.cfg.Self.ID) {
			return ""
		}
	}
	if last := h.answered.Load(); last != nil {
		return *last
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

// ProposeHere commits a meta command if this node leads the meta group; otherwise the error names the leader by its id. A command
// that would stop a node of an older build, or takes an address away from a node that is alive, is refused like one that the state
// machine refuses.
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
	if err := h.refuse(ctx, command); err != nil {
		return meta.Result{Epoch: m.State().Epoch(), Err: err}, nil
	}
	return m.Propose(ctx, command)
}

// refuse tells what stands against a command that this node knows as the meta leader and the state machine cannot.
func (h *Host) refuse(ctx context.Context, command []byte) error {
	c, err := meta.Decode(command)
	if err != nil {
		return apierr.New(apierr.KindInvalid, "meta command: %w; not applied", err)
	}
	if r := c.GetRegisterNode(); r != nil {
		if err := h.refuseTaken(r); err != nil {
			return err
		}
	}
	return h.SupportedByAll(ctx, c.Version)
}

// refuseTaken refuses a registration that comes so late that another node has the address by now: what is registered later counts
// more, and the node that lives there would be found no more. A node on an emptied folder waits until it is taken for dead under its
// old id.
func (h *Host) refuseTaken(r *storagev1.RegisterNode) error {
	a := r.Addresses
	for _, n := range h.cfg.Gossip.Nodes() {
		known, registered := h.State().Node(n.ID)
		if n.ID == r.Id || n.State != gossip.StateAlive || !registered || known.Phase != meta.NodeRegistered || n.Start < known.StartCount {
			continue
		}
		for _, pair := range [][2]string{{a.GetResp(), n.RESP}, {a.GetGrpc(), n.GRPC}, {a.GetCluster(), n.Cluster}, {a.GetGossip(), n.Gossip}, {a.GetHttp(), n.HTTP}} {
			if pair[0] != "" && pair[0] == pair[1] {
				return apierr.New(apierr.KindTryAgain, "node %s: address %s is that of node %s, which is alive; not applied: correct the address that it advertises, or wait until the other is taken for dead", r.Id, pair[0], n.ID)
			}
		}
	}
	return nil
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
			var err error
			state, err = h.LatestHere(ctx)
			return err
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

// stayRegistered makes the meta group know this start of this node and its addresses, and founds the cluster where this
// node is its founder.
func (h *Host) stayRegistered() {
	ticker := time.NewTicker(registerPause)
	defer ticker.Stop()
	said := ""
	var saved []meta.Node
	for {
		text := h.register()
		if text != "" && text != said && h.ctx.Err() == nil {
			h.cfg.Logger.Error("this node is not registered as it is; it tries on, or stop it and follow the message", "err", text)
		}
		said = text
		for _, n := range h.State().Nodes() {
			h.cfg.Book.Note(n)
		}
		h.sayRemoved()
		saved = h.saveBook(saved)
		h.keepHashSeed()
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// registerPause lies between two looks at whether this node is registered as it is.
const registerPause = 200 * time.Millisecond

// register proposes what is missing for this node to be known as it is. It returns why the cluster refuses it, "" where
// it does not; a cluster that cannot be reached now refuses nothing.
func (h *Host) register() (refused string) {
	command := h.registration()
	if command == nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(h.ctx, latestMax)
	defer cancel()
	result, err := h.Propose(ctx, command)
	switch {
	case err != nil:
		h.cfg.Logger.Debug("this node could not be registered; it is tried again", "err", err)
	case result.Err != nil:
		return result.Err.Error()
	case len(result.Displaced) > 0:
		h.cfg.Logger.Warn("this node has taken over an address of other nodes; check their advertise addresses", "nodes", result.Displaced)
	}
	return ""
}

// Removed tells whether the cluster has removed this node for good.
func (h *Host) Removed() bool { return h.isRemovedIn(h.State()) }

// isRemovedIn tells whether a state says that this node was removed. That is for good, whatever lost nodes make of the old meta group
// among themselves.
func (h *Host) isRemovedIn(state *meta.State) bool {
	self, known := state.Node(h.cfg.Self.ID)
	return known && self.Phase == meta.NodeRemoved
}

// sayRemoved says once that this node was removed.
func (h *Host) sayRemoved() {
	if h.Removed() && !h.saidRemoved.Swap(true) {
		h.cfg.Logger.Error("this node was removed from the cluster and serves nothing any more; stop it, and empty its data folder if it is to join again under a new id",
			"folder", h.cfg.Folder.Dir)
	}
}

// saveBook keeps the book in the data folder where it says something else than before.
func (h *Host) saveBook(saved []meta.Node) []meta.Node {
	nodes := h.cfg.Book.Nodes()
	if slices.Equal(nodes, saved) {
		return saved
	}
	if err := h.cfg.Folder.SaveNodes(nodes); err != nil {
		h.cfg.Logger.Warn("addresses of other nodes were not saved; after a restart of all nodes this one finds them by --join alone", "err", err)
	}
	return nodes
}

// keepHashSeed puts the cluster's seed right in the data folder: an older program that ran on it has written the identity
// without one.
func (h *Host) keepHashSeed() {
	state := h.State()
	if !state.Initialized() || state.HashSeed() == h.cfg.Folder.HashSeed() {
		return
	}
	if err := h.cfg.Folder.SetHashSeed(state.HashSeed()); err != nil {
		h.cfg.Logger.Debug("the hash seed of the cluster was not saved; it is tried again", "err", err)
		return
	}
	h.cfg.Logger.Warn("the data folder had another hash seed than the cluster; scans that go from one replica to another may miss keys until this node is started again")
}

// registration is the command that is missing for this node to be known as it is, or nil.
func (h *Host) registration() *storagev1.MetaCommand {
	state, self := h.State(), h.cfg.Self
	if h.Removed() {
		return nil // it would be refused
	}
	register := &storagev1.RegisterNode{Id: self.ID, StartCount: self.StartCount, Addresses: self.Addresses.Proto(), Zone: self.Zone, Version: self.Version}
	if !state.Initialized() {
		if !h.LeadsMeta() {
			return nil
		}
		return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
			ClusterId: h.cfg.Folder.ClusterID(), CreatedMs: time.Now().UnixMilli(), FirstNode: register, Settings: h.cfg.Settings.Proto(),
			HashSeed: h.cfg.Folder.HashSeed(),
		}}}
	}
	if known, ok := state.Node(self.ID); ok && known.StartCount == self.StartCount && known.Addresses == self.Addresses && known.Zone == self.Zone && known.Version == self.Version {
		wanted := h.maxMemory.Load()
		if wanted == nil || *wanted == known.MaxMemoryBytes {
			return nil
		}
		return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSettings{ChangeSettings: &storagev1.ChangeSettings{NodeMemory: h.memoryCommand(*wanted)}}}
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: register}}
}
