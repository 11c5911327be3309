package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/migration"
)

// moveMeta is the meta group as a node of a shard reaches it: what it watches comes from one member and may be old. Without a
// node it is reached from everywhere, and nothing is watched.
type moveMeta struct {
	w *moveWorld
	n *raftNode

	mu      sync.Mutex // protects the fields below
	newest  *meta.State
	changed chan struct{} // closed and replaced when newest changes
}

var _ migration.Meta = (*moveMeta)(nil)

const (
	metaLookEvery  = 5 * time.Millisecond
	metaRetryEvery = 10 * time.Millisecond
)

// watch takes over what a member knows, until ctx ends; sometimes it turns to another one.
func (m *moveMeta) watch(ctx context.Context) {
	ids := m.w.meta.ids()
	id := ids[m.w.draw(len(ids))]
	for sleep(ctx, metaLookEvery) {
		node := m.w.node(id)
		if node == nil || m.w.draw(200) == 0 {
			id = ids[m.w.draw(len(ids))]
			continue
		}
		if m.w.reaches(id, m.n.id) {
			m.take(node.meta.State())
		}
	}
}

func (m *moveMeta) take(state *meta.State) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if state.Applied() > m.newest.Applied() {
		m.newest = state
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

func (m *moveMeta) State() *meta.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.newest
}

func (m *moveMeta) Changed() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.changed
}

func (m *moveMeta) Latest(ctx context.Context) (state *meta.State, err error) {
	err = m.atLeader(ctx, func(member *raftNode) error {
		if err := member.meta.Sync(ctx); err != nil {
			return err
		}
		state = member.meta.State()
		return nil
	})
	return state, err
}

func (m *moveMeta) Propose(ctx context.Context, command *storagev1.MetaCommand) (result meta.Result, err error) {
	data := meta.Encode(command)
	err = m.atLeader(ctx, func(member *raftNode) error {
		result, err = member.meta.Propose(ctx, data)
		return err
	})
	return result, err
}

// atLeader asks whoever leads, until somebody answers that does, or ctx ends. Answers are lost like questions.
func (m *moveMeta) atLeader(ctx context.Context, ask func(*raftNode) error) error {
	for {
		for _, id := range m.w.meta.ids() {
			member := m.w.node(id)
			if member == nil || m.n != nil && !m.w.reaches(m.n.id, id) || !member.leads() {
				continue
			}
			err := ask(member)
			if member.ctx.Err() != nil || m.n != nil && !m.w.reaches(id, m.n.id) {
				return errNoAnswer
			}
			if err == nil || apierr.KindOf(err) != apierr.KindNotLeader {
				return err
			}
		}
		if !sleep(ctx, metaRetryEvery) {
			return fmt.Errorf("no leader of the meta group answers: %w", ctx.Err())
		}
	}
}
