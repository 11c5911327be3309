package respserver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// fakeOperator notes what it was asked for, and answers with err where that is set.
type fakeOperator struct {
	asked []string
	err   error
	facts []MigrationFacts
}

func (o *fakeOperator) note(format string, args ...any) error {
	o.asked = append(o.asked, fmt.Sprintf(format, args...))
	return o.err
}

func (o *fakeOperator) MigrateSlots(_ context.Context, moves []SlotMove) error {
	return o.note("migrate %v", moves)
}
func (o *fakeOperator) Migrations(context.Context) ([]MigrationFacts, error) { return o.facts, o.err }
func (o *fakeOperator) CancelMigrations(context.Context) error               { return o.note("cancel") }
func (o *fakeOperator) ForgetNode(_ context.Context, id string) error        { return o.note("forget %s", id) }
func (o *fakeOperator) Lead(context.Context) error                           { return o.note("lead") }

func startOperated(t *testing.T) (*fixture, *fakeOperator) {
	o := &fakeOperator{}
	return start(t, fixtureConfig{others: 1, with: func(c *Config) { c.Operator = o }}), o
}

func TestMigrationsAreAskedForInTheWordsOfValkey(t *testing.T) {
	f, o := startOperated(t)
	c := f.dial()
	c.want("CLUSTER MIGRATESLOTS SLOTSRANGE 0 9 20 29 NODE "+otherID+" slotsrange 10 10 node "+selfID, "+OK")
	if want := fmt.Sprintf("migrate [{[0-9 20-29] %s} {[10] %s}]", otherID, selfID); len(o.asked) != 1 || o.asked[0] != want {
		t.Errorf("asked %q, want %q", o.asked, want)
	}
	c.want(
		"CLUSTER MIGRATESLOTS 0 1 NODE "+otherID, "-ERR syntax error",
		"CLUSTER MIGRATESLOTS SLOTSRANGE NODE "+otherID, "-ERR No slot ranges specified",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 NODE "+otherID, "-ERR No end slot for final slot range",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 1 2", "-ERR No end slot for final slot range",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 1", "-ERR syntax error",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 1 NODE", "-ERR syntax error",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 16384 NODE "+otherID, "-ERR Invalid or out of range slot",
		"CLUSTER MIGRATESLOTS SLOTSRANGE a 1 NODE "+otherID, "-ERR Invalid or out of range slot",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 2 1 NODE "+otherID, "-ERR Start slot number 2 is greater than end slot number 1.",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 5 3 7 NODE "+otherID, "-ERR Slot range 3-7 overlaps with previous range 0-5.",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 5 NODE "+otherID+" SLOTSRANGE 5 5 NODE "+selfID, "-ERR Slot range 5-5 overlaps with previous range 0-5.",
		"CLUSTER MIGRATESLOTS SLOTSRANGE 0 1 NODE nosuch", "-ERR Unknown node nosuch",
		"CLUSTER MIGRATESLOTS x", "-ERR wrong number of arguments for 'cluster|migrateslots' command",
		"CLUSTER CANCELSLOTMIGRATIONS", "+OK",
		"CLUSTER GETSLOTMIGRATIONS", "[]",
	)
	o.facts = []MigrationFacts{
		{ID: 10, Ranges: []slot.Range{{First: 0, Last: 9}, {First: 20, Last: 20}}, Source: selfID, Target: otherID, State: "snapshotting", Started: time.Unix(7, 0), Updated: time.Unix(8, 0), RemainingBytes: 5},
		{ID: 11, Ranges: []slot.Range{{First: 7, Last: 7}}, Source: otherID, Target: selfID, State: "failed", Message: "target is full", Started: time.Unix(7, 0), Updated: time.Unix(8, 0)},
	}
	want := "[[name 000000000000000000000000000000000000000a operation EXPORT slot_ranges 0-9 20-20 target_node " + otherID + " source_node " + selfID +
		" create_time :7 last_update_time :8 last_ack_time :8 state snapshotting message  cow_size :0 remaining_repl_size :5]" +
		" [name 000000000000000000000000000000000000000b operation IMPORT slot_ranges 7-7 target_node " + selfID + " source_node " + otherID +
		" create_time :7 last_update_time :8 last_ack_time :8 state failed message target is full cow_size :0 remaining_repl_size :0]]"
	c.want("CLUSTER GETSLOTMIGRATIONS", want)
	o.err = apierr.New(apierr.KindClusterDown, "the meta group has no leader; not applied")
	down := "-CLUSTERDOWN the meta group has no leader; not applied"
	c.want("CLUSTER GETSLOTMIGRATIONS", down, "CLUSTER CANCELSLOTMIGRATIONS", down, "CLUSTER MIGRATESLOTS SLOTSRANGE 0 9 NODE "+otherID, down,
		"MULTI", "+OK", "CLUSTER CANCELSLOTMIGRATIONS", "+QUEUED", "EXEC", "[-ERR Command not allowed inside a transaction]")
}

func TestNodesAreForgottenAndTakeOver(t *testing.T) {
	f, o := startOperated(t)
	f.dial().want(
		"CLUSTER FORGET "+selfID, "-ERR I tried hard but I can't forget myself...", "CLUSTER FORGET "+otherID, "+OK", "CLUSTER FAILOVER", "+OK",
		"CLUSTER FAILOVER NOW", "-ERR syntax error", "CLUSTER SAVECONFIG", "+OK", "CLUSTER COUNT-FAILURE-REPORTS "+otherID, ":0",
		"CLUSTER COUNT-FAILURE-REPORTS nosuch", "-ERR Unknown node nosuch",
	)
	for _, how := range []string{"FORCE", "takeover"} {
		if got := f.dial().do("CLUSTER FAILOVER " + how); !strings.Contains(got, "nothing was changed") {
			t.Errorf("FAILOVER %s: %q", how, got)
		}
	}
	if got := strings.Join(o.asked, ", "); got != "forget "+otherID+", lead" {
		t.Errorf("asked %q", got)
	}
}

// `redis-cli --cluster reshard` and the like end with a word that helps.
func TestToolsOfRedisClusterAreToldWhatToUse(t *testing.T) {
	f, o := startOperated(t)
	for _, command := range []string{
		"SETSLOT 1 IMPORTING " + otherID, "SETSLOT 1 STABLE", "MEET 127.0.0.1 7000", "ADDSLOTS 1 2", "ADDSLOTSRANGE 1 2", "DELSLOTS 1", "DELSLOTSRANGE 1 2",
		"REPLICATE " + otherID, "RESET", "RESET SOFT", "BUMPEPOCH", "SET-CONFIG-EPOCH 5", "FLUSHSLOTS",
	} {
		got := f.dial().do("CLUSTER " + strings.ToLower(command[:1]) + command[1:])
		name, _, _ := strings.Cut(command, " ")
		if !strings.HasPrefix(got, "-ERR CLUSTER "+name+" is not supported; nothing was changed: ") || !strings.Contains(got, "holt cluster ") {
			t.Errorf("CLUSTER %s: %q", command, got)
		}
	}
	if len(o.asked) > 0 {
		t.Errorf("asked %q", o.asked)
	}
}

func TestKeysOfASlotAreListedWhereTheyAre(t *testing.T) {
	f := start(t, fixtureConfig{others: 1})
	c := f.dial()
	key := keyIn(f, 0)
	s := slot.Of([]byte(key))
	for i := range 5 {
		c.want(fmt.Sprintf("SET {%s}%d 1", key, i), "+OK")
	}
	c.want(fmt.Sprintf("CLUSTER COUNTKEYSINSLOT %d", s), ":5", fmt.Sprintf("CLUSTER GETKEYSINSLOT %d 0", s), "[]",
		"CLUSTER GETKEYSINSLOT 16383 10", "[]", "CLUSTER GETKEYSINSLOT 16384 10", "-ERR Invalid slot or number of keys",
		"CLUSTER GETKEYSINSLOT 1 -1", "-ERR Invalid slot or number of keys", "CLUSTER GETKEYSINSLOT x 1", "-ERR value is not an integer or out of range",
		"CLUSTER GETKEYSINSLOT 1 x", "-ERR value is not an integer or out of range")
	for _, count := range []int{1, 3, 5, 100} {
		got := c.do(fmt.Sprintf("CLUSTER GETKEYSINSLOT %d %d", s, count))
		if n := strings.Count(got, "{"+key+"}"); n != min(count, 5) {
			t.Errorf("%d keys asked for: %q", count, got)
		}
	}
}

func TestSlotsOnTheirWayAreMarked(t *testing.T) {
	f := start(t, fixtureConfig{others: 1})
	c := f.dial()
	change := func(from, to slot.ShardID, stage router.MigrationStage, leaders ...string) {
		f.cluster.change(func(v *router.View) {
			v.Migrations = nil
			v.AddMigration(router.Migration{ID: 1, From: from, To: to, Ranges: []slot.Range{{First: 5, Last: 6}, {First: 9, Last: 9}}, Stage: stage})
			for i, id := range leaders {
				v.Shards[i].Leader = id
			}
		})
	}
	for _, tc := range []struct {
		from, to slot.ShardID
		stage    router.MigrationStage
		want     string
	}{
		{1, 2, router.MigrationRunning, " 0-8191 [5->-" + otherID + "] [6->-" + otherID + "] [9->-" + otherID + "]\n"},
		{2, 1, router.MigrationRunning, " 0-8191 [5-<-" + otherID + "] [6-<-" + otherID + "] [9-<-" + otherID + "]\n"},
		{1, 2, router.MigrationArriving, " 0-8191\n"},
		{1, 2, router.MigrationOver, " 0-8191\n"},
	} {
		change(tc.from, tc.to, tc.stage)
		if got := c.do("CLUSTER NODES"); !strings.Contains(got, tc.want) || strings.Count(got, "[") != strings.Count(tc.want, "[") {
			t.Errorf("from %d to %d at stage %d: %q, want %q in it", tc.from, tc.to, tc.stage, got, tc.want)
		}
	}
	change(1, 2, router.MigrationRunning, selfID, selfID)
	if got := c.do("CLUSTER NODES"); strings.Contains(got, "[") {
		t.Errorf("a node that leads both shards: %q", got)
	}
}
