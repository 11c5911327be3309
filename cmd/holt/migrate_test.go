package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

func TestSlotsOfAFlagAreReadOrRefused(t *testing.T) {
	for text, want := range map[string]string{"0-99,200": "0-99,200", "7": "7", " 1-2, 5": "1-2,5", "0-16383": "0-16383"} {
		ranges, err := parseSlots(text)
		if got, _ := slotsText(ranges); err != nil || got != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a", "5-", "-5", "9-8", "16384", "0-16384", "1,,2", "1;2"} {
		if _, err := parseSlots(text); err == nil || !strings.Contains(err.Error(), "--slots="+text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestFlagsOfClusterCommandsThatMakeNoSenseAreRefused(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"rebalance --by weight", "--by=weight"},
		{"migrate --slots 5", "--to names the shard"},
		{"migrate --to 2", "--slots="},
		{"cancel", "give the id of one migration"},
		{"cancel 5 --all", "give the id of one migration"},
		{"cancel five", `"five" is no id`},
		{"cancel 0", `"0" is no id`},
		{"rebalance 4", "unknown command"},
	} {
		root := clusterCommand()
		root.SetArgs(strings.Fields(c.args))
		root.SilenceErrors, root.SilenceUsage = true, true
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("holt cluster %s: %v, want %q", c.args, err, c.want)
		}
	}
}

func slotRange(first, last uint32) []*clusterv1.SlotRange {
	return []*clusterv1.SlotRange{{First: first, Last: last}}
}

func TestPlanIsShownAsATable(t *testing.T) {
	var out bytes.Buffer
	printPlan(&out, &clusterv1.PlanRebalanceResponse{
		Shards: []*clusterv1.ShardBalance{
			{ShardId: 1, PreferredLeaderNodeId: "aaaaaaaabbbb", Slots: 8192, SlotsPlanned: 5462, Keys: 30, KeysPlanned: 20, Bytes: 3 << 20, BytesPlanned: 2 << 20, Requests: 9, RequestsPlanned: 9},
			{ShardId: 2, PreferredLeaderNodeId: "cccccccc", Slots: 8192, Dissolved: true, Keys: 1, Bytes: 100},
			{ShardId: 3, PreferredLeaderNodeId: "dddddddd", SlotsPlanned: 10922, Created: true, KeysPlanned: 11, BytesPlanned: 1<<20 + 100},
		},
		Moves: []*clusterv1.PlannedMove{
			{FromShardId: 1, ToShardId: 3, Slots: slotRange(0, 2729), Keys: 10, Bytes: 1 << 20},
			{FromShardId: 2, ToShardId: 3, Slots: slotRange(8192, 16383), Keys: 1, Bytes: 100},
		},
		UnmeasuredShardIds: []uint64{2},
	})
	want := `SHARD  LEADER    SLOTS         KEYS      MEMORY            REQUESTS/S  
1      aaaaaaaa  8192 -> 5462  30 -> 20  3.0 MB -> 2.0 MB  9           
2      cccccccc  8192 -> 0     1 -> 0    100 B -> 0 B      0           dissolved
3      dddddddd  0 -> 10922    0 -> 11   0 B -> 1.0 MB     0           created
move 2730 slots (10 keys, 1.0 MB) from shard 1 to shard 3: 0-2729
move 8192 slots (1 keys, 100 B) from shard 2 to shard 3: 8192-16383
not measured, because their leaders gave no answer: shards [2]
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
	out.Reset()
	printPlan(&out, &clusterv1.PlanRebalanceResponse{Shards: []*clusterv1.ShardBalance{{ShardId: 1, Slots: 16384, SlotsPlanned: 16384}}})
	if !strings.Contains(out.String(), "The slots are balanced.") {
		t.Errorf("got\n%s", &out)
	}
}

func TestMigrationsAreShownAsATable(t *testing.T) {
	now := time.UnixMilli(100_000)
	var out bytes.Buffer
	showMigrations(&out, &clusterv1.ListMigrationsResponse{
		Migrations: []*clusterv1.Migration{
			{Id: 3, FromShardId: 1, ToShardId: 2, Slots: slotRange(0, 9), Phase: clusterv1.MigrationPhase_MIGRATION_PHASE_COMMITTED, Ended: true, StartedMs: 90_000, EndedMs: 91_500},
			{Id: 4, FromShardId: 2, ToShardId: 1, Slots: slotRange(7, 7), Phase: clusterv1.MigrationPhase_MIGRATION_PHASE_ABORTED, Reason: "the target is full", StartedMs: 95_000},
			{Id: 5, FromShardId: 1, ToShardId: 3, Slots: slotRange(100, 355), Phase: clusterv1.MigrationPhase_MIGRATION_PHASE_RUNNING, StartedMs: 98_000, Progress: &clusterv1.MigrationProgress{
				Stage: clusterv1.MigrationStage_MIGRATION_STAGE_CATCHING_UP, SlotsCopied: 200, KeysCopied: 50, KeysTotal: 60, BytesArrived: 2048, Error: "no answer"}},
		},
		Rebalance: &clusterv1.RebalanceStatus{Goal: &clusterv1.RebalanceGoal{Measures: []clusterv1.BalanceMeasure{1, 2}}, StartedMs: 40_000, SlotsLeft: 1000},
	}, now)
	want := `a rebalance by slots,bytes runs for 1m0s: 1000 slots to go
ID  FROM  TO  SLOTS    STATE                 SLOTS COPIED  KEYS            MEMORY  TIME  
3   1     2   0-9      committed, ended      -             -               -       1.5s  
4   2     1   7        aborted               -             -               -       5s    the target is full
5   1     3   100-355  running, catching up  200 of 256    50 of about 60  2.0 KB  2s    no answer
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

// scripted answers questions for progress one after the other, the last one for ever.
type scripted struct {
	answers []*clusterv1.ListMigrationsResponse // nil: no answer
	asked   int
}

func (s *scripted) Migrations(context.Context) (*clusterv1.ListMigrationsResponse, error) {
	answer := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	if answer == nil {
		return nil, errors.New("connection refused")
	}
	return answer, nil
}

func running(slotsLeft uint32) *clusterv1.ListMigrationsResponse {
	return &clusterv1.ListMigrationsResponse{
		Rebalance: &clusterv1.RebalanceStatus{SlotsLeft: slotsLeft},
		Migrations: []*clusterv1.Migration{
			{Id: 1, Slots: slotRange(0, 99), Ended: true},
			{Id: 2, Slots: slotRange(100, 149), Progress: &clusterv1.MigrationProgress{KeysCopied: 5, BytesArrived: 3 << 20, BytesWaiting: 10}},
		},
	}
}

func TestProgressIsShownUntilTheRebalanceIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &scripted{answers: []*clusterv1.ListMigrationsResponse{running(1000), running(1000), nil, running(500), {}}}
		if err := follow(t.Context(), s, &out, rebalanceRuns); err != nil {
			t.Fatal(err)
		}
		want := `0 of 1000 slots moved, 1 migrations run (5 keys, 3.0 MB there, 10 B on their way)
500 of 1000 slots moved, 1 migrations run (5 keys, 3.0 MB there, 10 B on their way), about 3s left
done after 4s
`
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", &out, want)
		}
	})
}

func TestInterruptedCommandSaysThatTheRebalanceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(1500*time.Millisecond, cancel)
		var out bytes.Buffer
		if err := follow(ctx, &scripted{answers: []*clusterv1.ListMigrationsResponse{running(1000)}}, &out, rebalanceRuns); err != nil {
			t.Error(err)
		}
		if !strings.Contains(out.String(), "It goes on without this command") || strings.Contains(out.String(), "done") {
			t.Errorf("got\n%s", &out)
		}
	})
}

func TestNodeThatIsSilentForLongEndsTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		err := follow(t.Context(), &scripted{answers: []*clusterv1.ListMigrationsResponse{running(10), nil}}, &bytes.Buffer{}, rebalanceRuns)
		if err == nil || !strings.Contains(err.Error(), "connection refused; what was begun goes on") || time.Since(begin) < silenceMax {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestMigrationThatIsAbortedIsAFailure(t *testing.T) {
	aborted := &clusterv1.ListMigrationsResponse{Migrations: []*clusterv1.Migration{{Id: 2, Phase: clusterv1.MigrationPhase_MIGRATION_PHASE_ABORTED, Reason: "no room"}}}
	if goesOn, err := migrationsRun([]uint64{2})(aborted); goesOn || err == nil || !strings.Contains(err.Error(), "migration 2 was aborted: no room") {
		t.Errorf("%v, %v", goesOn, err)
	}
	if goesOn, err := migrationsRun([]uint64{3})(aborted); goesOn || err != nil {
		t.Errorf("%v, %v", goesOn, err)
	}
	if goesOn, err := migrationsRun([]uint64{2})(running(1)); !goesOn || err != nil {
		t.Errorf("%v, %v", goesOn, err)
	}
}
