package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

// A command that one node does not know would stop that node, and with enough of them the meta group.
func TestCommandIsSupportedOnceEveryNodeSaysSo(t *testing.T) {
	lost := errors.New("nobody answers")
	for _, c := range []struct {
		what    string
		version uint32
		known   map[string]uint32 // 0: the node gives no answer
		refused string
	}{
		{"all know it", 4, map[string]uint32{"a": 4, "b": 5, "c": 4}, ""},
		{"one runs an older build", 4, map[string]uint32{"a": 4, "b": 3, "c": 4}, "node b runs an older build"},
		{"one does not answer", 4, map[string]uint32{"a": 4, "b": 4, "c": 0}, "node c cannot be asked"},
		{"every build knows it", meta.VersionUnsaid, nil, ""},
		{"this build does not know it", meta.CommandVersion + 1, map[string]uint32{"a": 99, "b": 99, "c": 99}, "node self runs an older build"},
	} {
		var mu sync.Mutex
		asked := map[string]int{}
		h, _ := knowing(t, &others{version: func(_ context.Context, node string) (uint32, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[node]++
			if c.known[node] == 0 {
				return 0, lost
			}
			return c.known[node], nil
		}})
		err := h.SupportedByAll(t.Context(), c.version)
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%s: %v", c.what, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused) || apierr.Of(err).Result() != apierr.OutcomeNotApplied):
			t.Errorf("%s: got %v, want %q", c.what, err, c.refused)
		}
		if len(asked) != len(c.known) {
			t.Errorf("%s: asked %v, want %v", c.what, asked, c.known)
		}
	}
}

// Nobody has to be asked once the state was changed by such a command, also those who are down.
func TestVersionThatHasBeenUsedIsSupported(t *testing.T) {
	h, _ := knowing(t, nil)
	m := withShard(t, clusterOf(t, "a", "b"), meta.ShardFormed, "a")
	apply(t, m, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_CreateShards{CreateShards: &storagev1.CreateShards{
		ExpectedEpoch: m.State().Epoch(), Shards: []*storagev1.NewShard{{Replicas: []string{"b"}, PreferredLeader: "b"}},
	}}})
	apply(t, m, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ReportFormed{ReportFormed: &storagev1.ReportFormed{Shard: 2, Incarnation: 3}}})
	apply(t, m, &storagev1.MetaCommand{Command: &storagev1.MetaCommand_StartMigrations{StartMigrations: &storagev1.StartMigrations{
		ExpectedEpoch: m.State().Epoch(), StartedMs: 1,
		Migrations: []*storagev1.NewMigration{{From: 1, To: 2, Ranges: []*storagev1.SlotRange{{First: 0, Last: 9}}}},
	}}})
	apply(t, m, meta.StartRebalance(meta.Rebalance{Measures: []meta.BalanceMeasure{meta.MeasureSlots}, StartedMs: 1, LastMigration: 1}))
	h.watched.Store(m.State())
	if err := h.SupportedByAll(t.Context(), 4); err != nil {
		t.Error(err)
	}
}

// The leader, or the node that is asked first, runs an older build and cannot read the command: so may others, and asking on would
// only hide why.
func TestCommandThatANodeCannotReadGoesNowhereElse(t *testing.T) {
	asked := 0
	h, _ := knowing(t, &others{propose: func(context.Context, string) (meta.Result, error) {
		asked++
		return meta.Result{}, apierr.New(apierr.KindInvalid, "meta command: it has command version 9, this build knows up to 3; not applied")
	}})
	_, err := h.Propose(t.Context(), anyCommand)
	if apierr.KindOf(err) != apierr.KindInvalid || !strings.Contains(fmt.Sprint(err), "version 9") || asked != 1 {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestMetaLeaderAsksBeforeItProposesWhatIsNew(t *testing.T) {
	h, _ := knowing(t, &others{version: func(_ context.Context, node string) (uint32, error) {
		return map[string]uint32{"a": 4, "b": 4, "c": 3}[node], nil
	}})
	goal := meta.Rebalance{Measures: []meta.BalanceMeasure{meta.MeasureSlots}, StartedMs: 1}
	if err := h.refuse(t.Context(), meta.Encode(meta.StartRebalance(goal))); err != nil {
		t.Errorf("what every build knows: %v", err)
	}
	goal.LastMigration = 1
	if err := h.refuse(t.Context(), meta.Encode(meta.StartRebalance(goal))); err == nil || !strings.Contains(err.Error(), "node c runs an older build") {
		t.Errorf("what node c does not know: got %v", err)
	}
}
