package placement

import (
	"context"
	"fmt"
	"slices"
	"strings"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// growMeta takes the next step towards the voters that the meta group should have, and notes in its state who votes.
func (c *Controller) growMeta(ctx context.Context, state *meta.State) (progress, error) {
	members, err := c.Members.Members()
	if err != nil {
		return progress{}, fmt.Errorf("read members of the meta group: %w", err)
	}
	if err := c.noteVoters(ctx, state, members); err != nil {
		return progress{}, err
	}
	var unsure error
	plan := PlanMeta(c.nodes(state), members, c.Self, func(node string) bool {
		ok, err := c.Members.CaughtUp(node)
		if err != nil {
			unsure = fmt.Errorf("ask whether learner %s of the meta group has caught up: %w", node, err)
		}
		return ok && err == nil
	})
	if unsure != nil {
		return progress{}, unsure
	}
	text := fmt.Sprintf("the meta group has %d of %d voters: ", len(members.Voters), plan.Target)
	switch plan.Action {
	case MetaAddLearner:
		err = c.changeMembers(ctx, addLearner, members, plan.Nodes)
		return progress{waiting: text + "adding " + strings.Join(plan.Nodes, ", "), again: soon}, err
	case MetaAwaitCatchUp:
		return progress{waiting: text + "waiting for " + strings.Join(plan.Nodes, ", ") + " to catch up", again: soon}, nil
	case MetaPromote:
		err = c.changeMembers(ctx, promote, members, plan.Nodes)
		return progress{waiting: text + "promoting " + strings.Join(plan.Nodes, ", "), again: soon}, err
	case MetaRemove:
		err = c.changeMembers(ctx, removeMember, members, plan.Nodes)
		return progress{waiting: text + "removing " + strings.Join(plan.Nodes, ", "), again: soon}, err
	case MetaHandOver:
		err = c.within(ctx, func(ctx context.Context) error { return c.Members.HandOver(ctx, plan.Nodes[0]) })
		return progress{waiting: text + "handing its leadership to " + plan.Nodes[0], again: soon}, err
	}
	return progress{}, nil
}

// memberChange is one way to change the meta group: how, and what the members are afterwards.
type memberChange struct {
	verb  string
	do    func(MetaMembers, context.Context, string, uint64) error
	after func(m Members, node string) Members
}

var (
	addLearner = memberChange{"add learner", MetaMembers.AddLearner, func(m Members, node string) Members {
		return Members{Voters: m.Voters, Learners: append(slices.Clone(m.Learners), node)}
	}}
	promote = memberChange{"promote", MetaMembers.Promote, func(m Members, node string) Members {
		learners := slices.DeleteFunc(slices.Clone(m.Learners), func(id string) bool { return id == node })
		return Members{Voters: append(slices.Clone(m.Voters), node), Learners: learners}
	}}
	removeMember = memberChange{"remove", MetaMembers.Remove, func(m Members, node string) Members {
		other := func(id string) bool { return id == node }
		return Members{Voters: slices.DeleteFunc(slices.Clone(m.Voters), other), Learners: slices.DeleteFunc(slices.Clone(m.Learners), other)}
	}}
)

// changeMembers makes one change for several nodes, one directly after the other. It goes on only from what the change
// before has left: where someone else changed the group too, the next round makes another plan.
func (c *Controller) changeMembers(ctx context.Context, change memberChange, members Members, nodes []string) error {
	for i, node := range nodes {
		err := c.within(ctx, func(ctx context.Context) error { return change.do(c.Members, ctx, node, members.Index) })
		if err != nil {
			return fmt.Errorf("%s %s in the meta group: %w", change.verb, node, err)
		}
		c.Log.Info("meta group changed", "change", change.verb, "node", node)
		if i+1 == len(nodes) {
			break
		}
		want := change.after(members, node)
		if members, err = c.Members.Members(); err != nil {
			return fmt.Errorf("read members of the meta group: %w", err)
		}
		if !sameSet(members.Voters, want.Voters) || !sameSet(members.Learners, want.Learners) {
			break
		}
	}
	return nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// noteVoters brings the voters that the state names in line with those that vote.
func (c *Controller) noteVoters(ctx context.Context, state *meta.State, members Members) error {
	voters := slices.Sorted(slices.Values(members.Voters))
	if slices.Equal(voters, state.MetaVoters()) {
		return nil
	}
	_, err := c.propose(ctx, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetMetaVoters{SetMetaVoters: &storagev1.SetMetaVoters{
		Expected: state.MetaVoters(), Voters: voters,
	}}})
	if err != nil {
		return fmt.Errorf("note voters of the meta group: %w", err)
	}
	return nil
}
