package host

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/gossip"
)

var anyCommand = &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: 1, Incarnation: 1}}}

func notLeader(addr string) error {
	err := apierr.New(apierr.KindNotLeader, "not the leader; not applied")
	err.Addr = addr
	return err
}

// paused stands for a node that takes a connection and never answers.
func paused(ctx context.Context) error {
	<-ctx.Done()
	return apierr.New(apierr.KindClusterDown, "another node can't be reached: %w; not applied, retry", ctx.Err())
}

// knowing is an outsider that knows nodes a, b and c, of which a votes in the meta group.
func knowing(t *testing.T, o *others) (*Host, *rumours) {
	h, r := outsider(t, o)
	state := clusterOf(t, "a", "b", "c", "self").State()
	h.watched.Store(state)
	for _, n := range state.Nodes() {
		h.cfg.Book.Note(n)
	}
	return h, r
}

func TestMetaCommandReachesTheLeaderWhereverItIs(t *testing.T) {
	for _, c := range []struct {
		what    string
		answers map[string]error // nil leads
		asked   []string
	}{
		{"the voter leads", map[string]error{"a": nil}, []string{"a"}},
		{"the voter points at another", map[string]error{"a": notLeader("c"), "c": nil}, []string{"a", "c"}},
		{"the voter can't be reached", map[string]error{"a": apierr.New(apierr.KindClusterDown, "x"), "b": notLeader(""), "c": nil}, []string{"a", "b", "c"}},
		{"the voter points at itself", map[string]error{"a": notLeader("a"), "b": nil}, []string{"a", "b"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var asked []string
			h, _ := knowing(t, &others{propose: func(_ context.Context, node string) (meta.Result, error) {
				asked = append(asked, node)
				return meta.Result{Epoch: 5}, c.answers[node]
			}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			result, err := h.Propose(ctx, anyCommand)
			if err != nil || result.Epoch != 5 || !slices.Equal(asked, c.asked) {
				t.Errorf("%s: asked %v, want %v; %+v, %v", c.what, asked, c.asked, result, err)
			}
			if last := c.asked[len(c.asked)-1]; h.MetaLeader() != last {
				t.Errorf("%s: %q is taken for the leader, want %q", c.what, h.MetaLeader(), last)
			}
		})
	}
}

// A command whose outcome is open may have been applied: it goes nowhere else.
func TestMetaCommandOfUnknownOutcomeIsNotRepeated(t *testing.T) {
	asked := 0
	h, _ := knowing(t, &others{propose: func(context.Context, string) (meta.Result, error) {
		asked++
		return meta.Result{}, apierr.New(apierr.KindUnknownOutcome, "outcome unknown")
	}})
	_, err := h.Propose(t.Context(), anyCommand)
	if apierr.KindOf(err) != apierr.KindUnknownOutcome || asked != 1 {
		t.Errorf("asked %d times, err %v", asked, err)
	}
}

func TestSearchForTheMetaLeaderIsBounded(t *testing.T) {
	for what, answer := range map[string]func(ctx context.Context, node string) error{
		"nobody leads": func(context.Context, string) error { return notLeader("") },
		"two point at each other": func(_ context.Context, node string) error {
			return notLeader(map[string]string{"a": "b", "b": "a"}[node])
		},
		"everybody is paused":        func(ctx context.Context, _ string) error { return paused(ctx) },
		"everybody is shutting down": func(context.Context, string) error { return apierr.New(apierr.KindShutdown, "shutting down") },
	} {
		synctest.Test(t, func(t *testing.T) {
			h, _ := knowing(t, &others{propose: func(ctx context.Context, node string) (meta.Result, error) {
				return meta.Result{}, answer(ctx, node)
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			begin := time.Now()
			_, err := h.Propose(ctx, anyCommand)
			if took := time.Since(begin); apierr.KindOf(err) != apierr.KindClusterDown || apierr.Of(err).Result() != apierr.OutcomeNotApplied || took > 6*time.Second {
				t.Errorf("%s: after %v: %v", what, took, err)
			}
		})
	}
}

// The meta leader is paused and everybody still takes it for alive: one attempt is lost, not the whole time.
func TestPausedNodeDoesNotUseUpTheTimeOfAMetaRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := clusterOf(t, "a", "b", "c", "self")
		h, _ := knowing(t, &others{read: func(ctx context.Context, node string) ([]byte, error) {
			switch node {
			case "a":
				return nil, paused(ctx)
			case "c":
				return want.Snapshot(), nil
			}
			return nil, notLeader("") // it has noticed, and knows no other yet
		}})
		ctx, cancel := context.WithTimeout(t.Context(), latestMax)
		defer cancel()
		state, err := h.Latest(ctx)
		if err != nil || state.ClusterID() != "c1" {
			t.Errorf("%v", err)
		}
	})
}

func TestNodesThatSeemDownAreAskedLast(t *testing.T) {
	h, r := knowing(t, nil)
	if got, want := h.candidates(""), []string{"a", "self", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	r.nodes["a"] = gossip.Node{ID: "a", State: gossip.StateDead}
	r.nodes["b"] = gossip.Node{ID: "b", State: gossip.StateSuspect}
	r.nodes["c"] = gossip.Node{ID: "c", State: gossip.StateAlive}
	if got, want := h.candidates(""), []string{"self", "c", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := h.candidates("b"), []string{"b", "self", "c", "a"}; !slices.Equal(got, want) {
		t.Errorf("with a hint: %v, want %v", got, want)
	}
}

// Two nodes outside the meta group that followed each other would both learn nothing any more.
func TestOnlyMembersAreFollowedOnceTheyAreKnown(t *testing.T) {
	h, _ := knowing(t, nil)
	if got := h.sources(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("sources %v, want the voter alone", got)
	}
	h.watched.Store(nil)
	if got := h.sources(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("sources %v, want everybody else", got)
	}
}

func TestWatchMovesOnFromASilentSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		newer := withShard(t, clusterOf(t, "a", "b", "c", "self"), meta.ShardCreating, "a", "b", "c")
		h, _ := knowing(t, &others{watch: func(ctx context.Context, _ string, got func([]byte) error) error {
			if err := got(newer.Snapshot()); err != nil {
				return err
			}
			if err := got([]byte("garbage")); err == nil {
				return errors.New("garbage was taken")
			}
			<-ctx.Done()
			return ctx.Err()
		}})
		begin := time.Now()
		h.watchAt("a")
		if took := time.Since(begin); took > watchMax {
			t.Errorf("one source was followed for %v", took)
		}
		if len(h.State().Shards()) != 1 {
			t.Error("what the source said was not taken")
		}
		h.cfg.Nodes.(*others).watch = func(_ context.Context, _ string, got func([]byte) error) error {
			return got(clusterOf(t, "a").Snapshot())
		}
		h.watchAt("a")
		if len(h.State().Shards()) != 1 {
			t.Error("the state went back")
		}
	})
}

func TestRegistrationIsWhatTheClusterDoesNotKnowYet(t *testing.T) {
	h, _ := knowing(t, nil)
	h.cfg.Self = nodeForTest("self", 1)
	h.cfg.Self.Zone, h.cfg.Self.Version = "", ""
	if c := h.registration(); c != nil {
		t.Errorf("a node that is known as it is would register: %v", c)
	}
	h.cfg.Self.StartCount = 2
	if c := h.registration(); c.GetRegisterNode().GetStartCount() != 2 {
		t.Errorf("a new start is not registered: %v", c)
	}
	h.watched.Store(nil)
	if c := h.registration(); c != nil {
		t.Errorf("a node that knows no cluster and leads none proposes %v", c)
	}
}

func TestRefusedRegistrationIsTold(t *testing.T) {
	h, _ := knowing(t, &others{propose: func(context.Context, string) (meta.Result, error) {
		return meta.Result{Err: apierr.New(apierr.KindInvalid, "start 1 is older")}, nil
	}})
	h.cfg.Self.StartCount = 2
	if text := h.register(); !strings.Contains(text, "is older") {
		t.Errorf("%q", text)
	}
}

// A registration may be late, or name an address by mistake: the node that lives there must not be cut off by it.
func TestRegistrationDoesNotTakeTheAddressOfALivingNode(t *testing.T) {
	taken := nodeForTest("a", 1).Addresses
	for _, c := range []struct {
		what    string
		by      string
		at      meta.Addresses
		heard   gossip.Node
		refused bool
	}{
		{"of a node that is alive", "new", taken, gossip.Node{ID: "a", Start: 1, State: gossip.StateAlive}, true},
		{"one of several", "new", meta.Addresses{RESP: "new:1", Cluster: "new:2", HTTP: taken.HTTP}, gossip.Node{ID: "a", Start: 1, State: gossip.StateAlive}, true},
		{"of a node that may be dead", "new", taken, gossip.Node{ID: "a", Start: 1, State: gossip.StateSuspect}, false},
		{"of a node that is dead", "new", taken, gossip.Node{ID: "a", Start: 1, State: gossip.StateDead}, false},
		{"of the node itself", "a", taken, gossip.Node{ID: "a", Start: 1, State: gossip.StateAlive}, false},
		{"of a node that is not registered", "new", taken, gossip.Node{ID: "stranger", Start: 1, State: gossip.StateAlive}, false},
		{"of nobody", "new", meta.Addresses{Cluster: "new:2"}, gossip.Node{ID: "a", Start: 1, State: gossip.StateAlive}, false},
	} {
		h, r := knowing(t, nil)
		c.heard.RESP, c.heard.GRPC, c.heard.Cluster, c.heard.Gossip, c.heard.HTTP = taken.RESP, taken.GRPC, taken.Cluster, taken.Gossip, taken.HTTP
		r.nodes[c.heard.ID] = c.heard
		err := h.refuse(t.Context(), meta.Encode(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{
			RegisterNode: &storagev1.RegisterNode{Id: c.by, StartCount: 2, Addresses: c.at.Proto()},
		}}))
		if (err != nil) != c.refused || err != nil && (apierr.KindOf(err) != apierr.KindTryAgain || !strings.Contains(err.Error(), "is that of node a, which is alive")) {
			t.Errorf("%s: got %v, want refused: %v", c.what, err, c.refused)
		}
	}
}

func TestCommandThatCannotBeReadIsRefusedByTheLeader(t *testing.T) {
	h, _ := knowing(t, nil)
	if err := h.refuse(t.Context(), []byte{0xff}); apierr.KindOf(err) != apierr.KindInvalid {
		t.Errorf("got %v", err)
	}
}

// Lost nodes that hear of their removal and then elect a leader of the old meta group get ahead of the cluster that removed them, and
// whichever of them is no leader follows the other. What it heard first is for good, and is taken whenever it comes.
func TestNodeThatHeardOfItsRemovalFollowsNobodyElse(t *testing.T) {
	removed := clusterOf(t, "a", "b", "self")
	apply(t, removed, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_RemoveNode{RemoveNode: &storagev1.RemoveNode{Id: "self"}}})
	old := withShard(t, clusterOf(t, "a", "b", "c", "self"), meta.ShardFormed, "a", "b", "self")
	apply(t, old, anyCommand)
	if old.State().Applied() <= removed.State().Applied() {
		t.Fatal("the old meta group is not ahead")
	}
	for _, order := range [][]*meta.Machine{{removed, old}, {old, removed}, {old, removed, old}} {
		o := &others{watch: func(_ context.Context, _ string, got func([]byte) error) error {
			for _, m := range order {
				must(t, got(m.Snapshot()))
			}
			return nil
		}}
		h, _ := outsider(t, o)
		h.watchAt("a")
		if !h.Removed() {
			t.Errorf("the node heard %d states and takes itself for a member", len(order))
		}
	}
}
