package host

import (
	"context"
	"slices"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
)

const (
	// retryPause is how long to wait before the meta leader is looked for again.
	retryPause = 50 * time.Millisecond
	// attemptMax bounds one question to one node, so that a node that is paused does not use up the whole time.
	attemptMax = 2 * time.Second
	// watchMax bounds how long one node's word on the meta group is taken: it may be cut off from the group itself, and
	// would not know.
	watchMax = 10 * time.Second
)

// atLeader runs call at the meta leader: where one is believed to be, then where the answer points, then everywhere. It
// ends with success, with an error that leaves the outcome open, or with ctx.
func (h *Host) atLeader(ctx context.Context, call func(ctx context.Context, node string) error) error {
	var last error
	hint := h.MetaLeader()
	for {
		for _, node := range h.candidates(hint) {
			err := h.attempt(ctx, node, call)
			if err == nil {
				h.answered.Store(&node)
				return nil
			}
			last = err
			e := apierr.Of(err)
			if e.Result() != apierr.OutcomeNotApplied || e.Kind == apierr.KindInvalid {
				return err // a node that finds a command invalid is of an older build: the leader may not take it then
			}
			if hint = ""; e.Kind == apierr.KindNotLeader && e.Addr != "" && e.Addr != node {
				hint = e.Addr
				break
			}
			if ctx.Err() != nil {
				break
			}
		}
		select {
		case <-ctx.Done():
			if last == nil {
				last = ctx.Err()
			}
			return apierr.New(apierr.KindClusterDown, "the meta group has no leader that can be reached; not applied, retry: %w", last)
		case <-time.After(retryPause):
		}
		if hint == "" {
			hint = h.MetaLeader()
		}
	}
}

func (h *Host) attempt(ctx context.Context, node string, call func(ctx context.Context, node string) error) error {
	ctx, cancel := context.WithTimeout(ctx, attemptMax)
	defer cancel()
	return call(ctx, node)
}

// candidates lists the nodes that may lead the meta group, the likeliest first: the hint, voters, everybody else, and of
// these those at the end that seem to be down.
func (h *Host) candidates(hint string) []string {
	nodes := []string{h.cfg.Self.ID}
	if voters := h.State().MetaVoters(); len(voters) > 0 {
		nodes = append(slices.Clone(voters), h.cfg.Self.ID)
	}
	for _, n := range h.cfg.Book.Nodes() {
		nodes = append(nodes, n.ID)
	}
	nodes = h.seemingUpFirst(nodes)
	if hint != "" {
		nodes = append([]string{hint}, nodes...)
	}
	return distinct(nodes)
}

// seemingUpFirst moves the nodes that gossip suspects or has given up to the end.
func (h *Host) seemingUpFirst(nodes []string) []string {
	var up, down []string
	for _, id := range nodes {
		if n, known := h.cfg.Gossip.Node(id); known && n.State != gossip.StateAlive {
			down = append(down, id)
		} else {
			up = append(up, id)
		}
	}
	return append(up, down...)
}

// distinct keeps the first of each id.
func distinct(ids []string) []string {
	var kept []string
	for _, id := range ids {
		if !slices.Contains(kept, id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// sources lists the nodes to learn the meta group's state from: its voters, and where they are not known everybody. Two
// nodes that are no members could otherwise follow each other and learn nothing.
func (h *Host) sources() []string {
	nodes := h.State().MetaVoters()
	if len(nodes) == 0 {
		nodes = h.candidates("")
	}
	others := slices.DeleteFunc(slices.Clone(nodes), func(id string) bool { return id == h.cfg.Self.ID })
	return h.seemingUpFirst(others)
}

// hearsMeta tells whether this node's own replica keeps up with the meta group: it is a member, and has a leader. One that was
// removed while this node was down does not know that it is none any more.
func (h *Host) hearsMeta() bool {
	m := h.localMeta()
	if m == nil || !h.isMember() {
		return false
	}
	leader, _ := m.KnownLeader()
	return leader != ""
}

// followMeta keeps up with the meta group by another node's word, while this node does not hear of it as a member.
func (h *Host) followMeta() {
	ticker := time.NewTicker(registerPause)
	defer ticker.Stop()
	for next := 0; ; next++ {
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
		}
		if h.hearsMeta() {
			continue
		}
		if sources := h.sources(); len(sources) > 0 {
			h.watchAt(sources[next%len(sources)])
		}
	}
}

// watchAt follows the meta state of one node until the connection ends, watchMax has passed, or this node hears of it as a
// member itself.
func (h *Host) watchAt(node string) {
	ctx, cancel := context.WithTimeout(h.ctx, watchMax)
	defer cancel()
	_ = h.cfg.Nodes.WatchMeta(ctx, node, h.State().Applied(), func(snapshot []byte) error { // its end is no news
		state, err := decodeState(snapshot)
		if err != nil {
			return err
		}
		if h.isNews(state) {
			h.watched.Store(state)
			h.signal()
		}
		if h.hearsMeta() {
			cancel()
		}
		return nil
	})
}

// isNews tells whether a state that another node sent counts more than the one that was heard last: the newer does, but one that says
// that this node was removed is for good. Lost nodes that elect a leader among themselves get ahead of it.
func (h *Host) isNews(state *meta.State) bool {
	old := h.watched.Load()
	if old == nil {
		return true
	}
	if was, is := h.isRemovedIn(old), h.isRemovedIn(state); was != is {
		return is
	}
	return old.Applied() < state.Applied()
}
