package executor

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// controlled is a control record on its way.
type controlled struct {
	b      *bench
	err    chan error
	cancel context.CancelFunc
}

// control asks for a control record and returns when it waits for its turn, or was refused.
func (b *bench) control(c Control) *controlled {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out := &controlled{b: b, err: make(chan error, 1), cancel: cancel}
	b.t.Cleanup(cancel)
	waiting := func() int {
		b.exec.mu.Lock()
		defer b.exec.mu.Unlock()
		return len(b.exec.controls)
	}
	before := waiting()
	go func() { out.err <- b.exec.Control(ctx, c) }()
	b.eventually("control record in the queue", func() bool { return waiting() > before || len(out.err) > 0 })
	return out
}

// wait returns the answer.
func (c *controlled) wait() error {
	c.b.t.Helper()
	select {
	case err := <-c.err:
		return err
	case <-time.After(10 * time.Second):
		c.b.t.Fatal("the control record has no answer")
		return nil
	}
}

func (c *controlled) wantApplied(what string) {
	c.b.t.Helper()
	if err := c.wait(); err != nil {
		c.b.t.Errorf("%s: %v, want applied", what, err)
	}
}

func (c *controlled) wantOutcome(what string, want apierr.Outcome) {
	c.b.t.Helper()
	if err := c.wait(); err == nil || apierr.Of(err).Result() != want {
		c.b.t.Errorf("%s: %v, want an error that says %v", what, err, want)
	}
}

// done lets a control record be evaluated, committed and applied.
func (b *bench) done(what string, c Control) {
	b.t.Helper()
	out := b.control(c)
	b.driver.Step()
	b.commitAll()
	out.wantApplied(what)
	b.driver.Step()
}

func slotsOfKey(keys ...string) []slot.Range {
	var ranges []slot.Range
	for _, key := range keys {
		s := slot.Of([]byte(key))
		ranges = append(ranges, slot.Range{First: s, Last: s})
	}
	return slot.Normalize(ranges)
}

// The records of a hand-over, as a driver asks for them.
func freezing(id uint64, to slot.ShardID, keys ...string) Control {
	ranges := slotsOfKey(keys...)
	return Control{Freeze: ranges, FreezeTo: to, Make: func(h entry.Header) []byte {
		return entry.EncodeFreeze(h, entry.Freeze{Migration: id, To: to, Ranges: ranges})
	}}
}

func unfreezing(id uint64) Control {
	return Control{Make: func(h entry.Header) []byte { return entry.EncodeUnfreeze(h, entry.Unfreeze{Migration: id}) }}
}

func dropping(id uint64) Control {
	return Control{Make: func(h entry.Header) []byte { return entry.EncodeDrop(h, entry.Drop{Migration: id}) }}
}

func importing(id uint64, keys ...string) Control {
	return Control{Make: func(h entry.Header) []byte {
		return entry.EncodeImport(h, entry.Import{Migration: id, From: 9, Ranges: slotsOfKey(keys...)})
	}}
}

func chunk(c entry.Chunk) Control {
	c.Attempt = entry.Attempt{Incarnation: 1, Counter: 1}
	return Control{Make: func(h entry.Header) []byte { return entry.EncodeChunk(h, c) }}
}

func activating(id uint64) Control {
	return Control{Make: func(h entry.Header) []byte { return entry.EncodeActivate(h, entry.Activate{Migration: id}) }}
}

func discarding(id uint64) Control {
	return Control{Make: func(h entry.Header) []byte { return entry.EncodeDiscard(h, entry.Discard{Migration: id}) }}
}

func ending(id uint64, keys ...string) Control {
	return Control{Make: func(h entry.Header) []byte {
		return entry.EncodeMigrationEnd(h, entry.MigrationEnd{Migration: id, Ranges: slotsOfKey(keys...)})
	}}
}

// Only a ready leader drives a hand-over (PROTOCOL rule 19): not a follower, not a leader that still waits for leases.
func TestControlRecordIsProposedOnlyByALeaderThatServes(t *testing.T) {
	b := newBench(t, func(c *Config) { c.LeaseMax = time.Hour })
	b.control(ending(1, "k")).wantOutcome("control record at a follower", apierr.OutcomeNotApplied)
	b.leads = true
	b.driver.Step()
	b.commitAll() // its ExecutorStart is applied, and it waits for the leases of others
	b.driver.Step()
	b.control(ending(1, "k")).wantOutcome("control record at a leader that waits", apierr.OutcomeNotApplied)
	if len(b.proposed) > 0 {
		t.Errorf("%d records are proposed, want none", len(b.proposed))
	}
}

func TestControlRecordFollowsWhatWasEvaluatedBeforeIt(t *testing.T) {
	b := newLeader(t)
	set, other := b.set("k", "v"), b.set("other", "v")
	b.driver.Step() // their batch is in flight
	behind := b.set("k", "w")
	b.driver.Step() // and this one waits for company in the open batch
	if b.exec.open == nil {
		t.Fatal("no batch is open: the script is wrong")
	}
	c := b.control(ending(1, "other"))
	b.driver.Step()
	var kinds []entry.Kind
	for _, f := range b.proposed {
		kinds = append(kinds, entry.PeekHeader(f.record).Kind)
	}
	if len(kinds) != 3 || kinds[2] != entry.KindMigrationEnd {
		t.Fatalf("proposed kinds %v, want two batches and the record", kinds)
	}
	b.commitAll()
	b.wantApplied("the first write", set)
	b.wantApplied("the one beside it", other)
	b.wantApplied("the write in the open batch", behind)
	c.wantApplied("the control record")
}

func TestCheckRefusesAControlRecord(t *testing.T) {
	b := newLeader(t)
	stale := errors.New("the migration is over")
	c := freezing(1, 7, "k")
	c.Check = func() error { return stale }
	out := b.control(c)
	b.driver.Step()
	if err := out.wait(); !errors.Is(err, stale) {
		t.Errorf("got %v, want what Check said", err)
	}
	if len(b.proposed) > 0 {
		t.Error("a record is proposed that Check refused")
	}
	set := b.set("k", "v")
	b.driver.Step()
	b.commitAll()
	b.wantApplied("a write behind the refused freeze", set)
}

func TestFreezeThatDoesNotSaySoIsRefused(t *testing.T) {
	b := newLeader(t)
	for what, change := range map[string]func(*Control){
		"no slots": func(c *Control) { c.Freeze = nil },
		"no shard": func(c *Control) { c.FreezeTo = 0 },
		"another kind": func(c *Control) {
			c.Make = func(h entry.Header) []byte { return entry.EncodeUnfreeze(h, entry.Unfreeze{Migration: 1}) }
		},
	} {
		c := freezing(1, 7, "k")
		change(&c)
		out := b.control(c)
		b.driver.Step()
		out.wantOutcome("a freeze with "+what, apierr.OutcomeNotApplied)
	}
	if len(b.proposed) > 0 {
		t.Error("a record is proposed")
	}
	set := b.set("k", "v") // the sequence has no gap
	b.driver.Step()
	b.commitAll()
	b.wantApplied("a write afterwards", set)
}

func TestOutcomeOfAControlRecordFollowsItsFate(t *testing.T) {
	for _, c := range []struct {
		what string
		fate func(b *bench, out *controlled)
		want apierr.Outcome
	}{
		{"it never had its turn", func(_ *bench, out *controlled) { out.cancel() }, apierr.OutcomeNotApplied},
		{"its caller gave up while it was in flight", func(b *bench, out *controlled) {
			b.driver.Step()
			out.cancel()
		}, apierr.OutcomeUnknown},
		{"the log refused it", func(b *bench, _ *controlled) {
			b.driver.Step()
			b.fail(ErrRefused)
		}, apierr.OutcomeNotApplied},
		{"another leader began before it was applied", func(b *bench, _ *controlled) {
			b.driver.Step()
			b.apply(2, entry.EncodeExecutorStart(0, entry.ExecutorStart{Nonce: 77, Node: "b"}))
		}, apierr.OutcomeNotApplied},
		{"leadership was lost before its turn", func(b *bench, _ *controlled) {
			b.leads = false
			b.driver.Step()
		}, apierr.OutcomeNotApplied},
		{"the replica was closed while it was in flight", func(b *bench, _ *controlled) {
			b.driver.Step()
			b.exec.shut()
		}, apierr.OutcomeUnknown},
	} {
		b := newLeader(t)
		out := b.control(ending(1, "k"))
		c.fate(b, out)
		out.wantOutcome(c.what, c.want)
	}
}

// A record that was evaluated but not proposed is not evaluated again: whoever asked for it has to look again first.
func TestControlRecordIsNotEvaluatedAgain(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Limits.BatchesInFlight = 1 })
	set := b.set("k", "v")
	b.driver.Step()
	out := b.control(freezing(1, 7, "k"))
	b.driver.Step()
	if len(b.proposed) != 1 {
		t.Fatalf("%d records are proposed, want the batch alone", len(b.proposed))
	}
	b.fail(ErrRefused)
	b.serve()
	out.wantOutcome("the control record", apierr.OutcomeNotApplied)
	b.wantOutcome("the write", set, apierr.OutcomeNotApplied)
	again := b.set("k", "w")
	b.driver.Step()
	b.commitAll()
	b.wantApplied("a write in the new incarnation", again)
}

// Neither clients nor a hand-over with a window full of chunks starve.
func TestRequestsAndControlRecordsTakeTurns(t *testing.T) {
	b := newLeader(t, func(c *Config) { c.Limits.BatchesInFlight = 1 })
	first := b.set("k", "0")
	b.driver.Step()
	var outs []*controlled
	for id := range uint64(3) {
		outs = append(outs, b.control(ending(id+1, "other")))
	}
	var sets []*asked
	var kinds []entry.Kind
	for b.eventually("proposal", func() bool { b.driver.Step(); return len(b.proposed) > 0 || len(kinds) > 6 }); len(b.proposed) > 0; b.driver.Step() {
		kinds = append(kinds, entry.PeekHeader(b.proposed[0].record).Kind)
		if len(sets) < 2 {
			sets = append(sets, b.set("k", "v"))
			b.driver.Step()
		}
		b.commit()
		b.driver.Step()
	}
	seen := 0
	for i, k := range kinds {
		if k == entry.KindMigrationEnd {
			seen++
			if seen < 3 && (i+1 >= len(kinds) || kinds[i+1] != entry.KindBatch) {
				t.Errorf("control record %d is not followed by a batch: %v", seen, kinds)
			}
		}
	}
	if seen != 3 {
		t.Fatalf("kinds %v, want three control records", kinds)
	}
	b.wantApplied("the first write", first)
	for _, s := range sets {
		b.wantApplied("a write between control records", s)
	}
	for _, o := range outs {
		o.wantApplied("a control record")
	}
}

func TestControlRecordsAreBounded(t *testing.T) {
	b := newLeader(t)
	for range controlsMax {
		b.exec.controls = append(b.exec.controls, &pendingControl{Control: ending(1, "k"), done: make(chan struct{})})
	}
	if err := b.control(ending(1, "k")).wait(); apierr.KindOf(err) != apierr.KindBusy {
		t.Errorf("got %v, want busy", err)
	}
}
