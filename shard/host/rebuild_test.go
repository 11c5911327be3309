package host

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/shard/placement"
)

// What a damaged replica has acknowledged counts as long as it has a vote, although nobody can read it. So it is deleted only once
// the group is left, and its later votes go by what the leader had then.
func TestDamagedReplicaStaysUntilItsGroupIsLeft(t *testing.T) {
	var status ReplicaStatus
	var silent error
	m := withShard(t, clusterOf(t, "a", "b", "self"), meta.ShardFormed, "a", "b", "self")
	h, r := outsider(t, &others{
		read:    func(context.Context, string) ([]byte, error) { return m.Snapshot(), nil },
		replica: func(context.Context, string, slot.ShardID) (ReplicaStatus, error) { return status, silent },
	})
	h.watched.Store(m.State())
	s, _ := m.State().Shard(1)
	apply(t, m, placement.ReplicasCommand(s, []string{"a", "b"}))
	must(t, h.cfg.Folder.setMark("1", &storagev1.GroupMark{Group: 1, Phase: storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED, LastIndex: 90, LastTerm: 2}))
	must(t, makeFolder(h.cfg.Folder.path(filepath.Join(shardsFolder, "1"))))
	if h.setAside(1, errors.New("no room")) || !h.setAside(1, fmt.Errorf("open: %w", logstore.ErrDamaged)) {
		t.Fatal("damage is told from other errors wrongly")
	}
	member := ReplicaStatus{Shard: 1, Node: "a", Term: 7, Serving: true, Last: 40, Committed: 40, MembersIndex: 9, Voters: []string{"a", "b", "self"}}
	left, uncommitted, away := member, member, member
	left.Voters = []string{"a", "b"}
	uncommitted.Voters, uncommitted.MembersIndex = left.Voters, 41
	away.Voters, away.Serving = left.Voters, false
	for what, c := range map[string]struct {
		leader string
		status ReplicaStatus
		err    error
	}{
		"it votes":                             {"a", member, nil},
		"that it does not is not committed":    {"a", uncommitted, nil},
		"the leader does not serve":            {"a", away, nil},
		"the leader does not answer":           {"a", left, errors.New("nobody is there")},
		"nobody leads as far as anybody knows": {"", left, nil},
	} {
		r.leaders = map[uint64]gossip.Leader{1: {Shard: 1, Term: 7, Node: c.leader}}
		status, silent = c.status, c.err
		mark, _ := h.cfg.Folder.mark("1")
		if err := h.rebuild(1); err == nil || !h.isDamaged(1) || mark.Phase != storagev1.GroupPhase_GROUP_PHASE_BOOTSTRAPPED {
			t.Errorf("%s: %v; the mark is %v", what, err, mark)
		}
	}
	r.leaders = map[uint64]gossip.Leader{1: {Shard: 1, Term: 7, Node: "a"}}
	status, silent = left, nil
	must(t, h.rebuild(1))
	mark, err := h.cfg.Folder.mark("1")
	if err != nil || mark.Phase != storagev1.GroupPhase_GROUP_PHASE_REMOVED || mark.LastTerm != 7 || mark.LastIndex != 40 || h.isDamaged(1) {
		t.Errorf("the mark is %v, %v, want one of a removed replica with the leader's end", mark, err)
	}
}
