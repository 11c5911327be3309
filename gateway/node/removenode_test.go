package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// A node that drains where nobody can take its place: every node says what the controller waits for, and the node stays when
// it is kept.
func TestEveryNodeTellsWhatTheControllerWaitsFor(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	result, err := nodes[0].host.Load().Propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetNodeDraining{
		SetNodeDraining: &storagev1.SetNodeDraining{Id: nodes[2].ID(), Draining: true},
	}})
	if err != nil || result.Err != nil {
		t.Fatal(err, result.Err)
	}
	for i, n := range nodes {
		a := admin0(t, n)
		await(t, "what the controller waits for is told", func() bool {
			s, err := a.Status(ctx)
			return err == nil && strings.Contains(strings.Join(s.Waiting, "\n"), "start another")
		})
		await(t, fmt.Sprintf("node %d says who drains", i), func() bool { // it says what it knows, and may hear of it last
			list, err := a.Nodes(ctx)
			return err == nil && len(list) == 3 && !slices.ContainsFunc(list, func(s *clusterv1.NodeStatus) bool {
				return s.Draining != (s.Node.Id == nodes[2].ID())
			})
		})
	}
	if _, err := admin0(t, nodes[0]).RemoveNode(ctx, nodes[2].ID(), false, true); err != nil {
		t.Fatal(err)
	}
	await(t, "nothing is waited for any more", func() bool {
		s, err := admin0(t, nodes[1]).Status(ctx)
		return err == nil && len(s.Waiting) == 0
	})
}

func TestChangesOfMembersAreMadeByTheLeaderAlone(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	s := &nodeService{n: n}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, term, _ := n.host.Load().Leader(1)
	for _, c := range []struct {
		what    string
		request *nodev1.ChangeMembersRequest
		want    apierr.Kind
	}{
		{"a shard of others", &nodev1.ChangeMembersRequest{ShardId: 9, Term: term, Change: nodev1.MemberChange_MEMBER_CHANGE_REMOVE}, apierr.KindNotFound},
		{"another term", &nodev1.ChangeMembersRequest{ShardId: 1, Term: term + 1, Change: nodev1.MemberChange_MEMBER_CHANGE_REMOVE}, apierr.KindNotLeader},
		{"no change", &nodev1.ChangeMembersRequest{ShardId: 1, Term: term}, apierr.KindInvalid},
		{"a change of a newer program", &nodev1.ChangeMembersRequest{ShardId: 1, Term: term, Change: 99}, apierr.KindInvalid},
		{"no configuration", &nodev1.ChangeMembersRequest{ShardId: 1, Term: term, Change: nodev1.MemberChange_MEMBER_CHANGE_ADD_LEARNER, NodeId: "x"}, apierr.KindInvalid},
		{"its last voter", &nodev1.ChangeMembersRequest{ShardId: 1, Term: term, Index: 1, Change: nodev1.MemberChange_MEMBER_CHANGE_REMOVE, NodeId: n.ID()}, apierr.KindInvalid},
	} {
		_, err := s.ChangeMembers(ctx, c.request)
		if e := apierr.Of(fromStatus(err, true)); err == nil || e.Kind != c.want || e.Result() != apierr.OutcomeNotApplied {
			t.Errorf("%s: %v, want %s and nothing changed", c.what, err, c.want)
		}
	}
}
