package client

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

var oneSet = Set{Key: "k", Value: []byte("v")}

// ids are the ids under which a node was asked.
func (f *fakeNode) ids() (ids []string) {
	for _, call := range f.seen() {
		ids = append(ids, string(optionsOf(call).GetRequestId()))
	}
	return ids
}

// Whatever breaks an attempt off, the next one is the same request: same id, same end.
func TestAttemptsAtAWriteCarryOneID(t *testing.T) {
	nodes := fakeNodes(t, 1, 0)
	nodes[0].answer = inTurn(nil, failed(apierr.KindUnknownOutcome, ""), failed(apierr.KindInternal, ""), failed(apierr.KindTryAgain, ""), setTo(7))
	c := dialNodes(t, nodes)
	r, err := c.Set(within(t, testTime), oneSet)
	if err != nil || r.Version != 7 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if n := c.Stats(); n.Calls != 1 || n.Attempts != 5 || n.Doubtful != 3 {
		t.Errorf("counted %+v", n)
	}
	calls := nodes[0].seen()
	first := optionsOf(calls[0])
	if len(calls) != 5 || len(first.GetRequestId()) != 16 {
		t.Fatalf("%d attempts, the first with %v", len(calls), first)
	}
	for i, call := range calls {
		if o := optionsOf(call); string(o.GetRequestId()) != string(first.GetRequestId()) || o.GetRequestIdUntilMs() != first.GetRequestIdUntilMs() {
			t.Errorf("attempt %d: %v, want the options of the first one, %v", i+1, o, first)
		}
	}
	if _, err := c.Set(within(t, testTime), oneSet); err != nil {
		t.Fatal(err)
	}
	if ids := nodes[0].ids(); ids[5] == ids[0] {
		t.Error("the next request has the id of the one before")
	}
}

// The id ends by the servers' clock, however wrong ours is, and behind the last attempt.
func TestIDEndsByTheClockOfTheServersBehindTheLastAttempt(t *testing.T) {
	nodes := fakeNodes(t, 1, 0)
	nodes[0].maps.mu.Lock()
	nodes[0].maps.nowMs = 5_000_000
	nodes[0].maps.mu.Unlock()
	c := dialNodes(t, nodes, func(cfg *Config) { cfg.RetryMax = time.Minute })
	if _, err := c.Set(within(t, testTime), oneSet); err != nil {
		t.Fatal(err)
	}
	got := optionsOf(nodes[0].seen()[0]).GetRequestIdUntilMs()
	if least, most := int64(5_000_000+5_000), int64(5_000_000+testTime.Milliseconds()+60_000); got < least || got > most {
		t.Errorf("the id ends at %d, want it from %d to %d", got, least, most)
	}
}

func TestWithoutIDsAWriteOfUnknownOutcomeIsNotRepeated(t *testing.T) {
	for _, answer := range []*cachev1.PipelineReply{nil, failed(apierr.KindUnknownOutcome, "")} {
		nodes := fakeNodes(t, 1, 0)
		nodes[0].answer = inTurn(failed(apierr.KindClusterDown, ""), answer, setTo(1))
		c := dialNodes(t, nodes, func(cfg *Config) { cfg.Retries = RetryRefused })
		_, err := c.Set(within(t, testTime), oneSet)
		if apierr.KindOf(err) != apierr.KindUnknownOutcome || apierr.Of(err).Result() != apierr.OutcomeUnknown {
			t.Errorf("got %v", err)
		}
		if ids := nodes[0].ids(); len(ids) != 2 || ids[0] != "" {
			t.Errorf("asked %d times, under %q", len(ids), ids)
		}
	}
}

// What is certain must not be called into doubt, nor the other way round.
func TestErrorsTellTheOutcomeOfAllAttempts(t *testing.T) {
	for what, c := range map[string]struct {
		answers []*cachev1.PipelineReply
		kind    apierr.Kind
		outcome apierr.Outcome
	}{
		"refused for good":             {[]*cachev1.PipelineReply{failed(apierr.KindWrongType, "")}, apierr.KindWrongType, apierr.OutcomeNotApplied},
		"refused for good later":       {[]*cachev1.PipelineReply{failed(apierr.KindBusy, ""), failed(apierr.KindTooLarge, "")}, apierr.KindTooLarge, apierr.OutcomeNotApplied},
		"lost, then refused for good":  {[]*cachev1.PipelineReply{nil, failed(apierr.KindWrongType, "")}, apierr.KindUnknownOutcome, apierr.OutcomeUnknown},
		"unknown, then out of memory":  {[]*cachev1.PipelineReply{failed(apierr.KindUnknownOutcome, ""), failed(apierr.KindOutOfMemory, "")}, apierr.KindUnknownOutcome, apierr.OutcomeUnknown},
		"the end of an id":             {[]*cachev1.PipelineReply{failed(apierr.KindIDEnded, "")}, apierr.KindIDEnded, apierr.OutcomeNotApplied},
		"lost, then the end of an id":  {[]*cachev1.PipelineReply{nil, failed(apierr.KindIDEnded, "")}, apierr.KindIDEnded, apierr.OutcomeUnknown},
		"no leader until the deadline": {[]*cachev1.PipelineReply{failed(apierr.KindClusterDown, "")}, apierr.KindDeadline, apierr.OutcomeNotApplied},
		"lost until the deadline":      {[]*cachev1.PipelineReply{nil}, apierr.KindUnknownOutcome, apierr.OutcomeUnknown},
	} {
		t.Run(what, func(t *testing.T) {
			nodes := fakeNodes(t, 1, 0)
			nodes[0].answer = inTurn(c.answers...)
			client := dialNodes(t, nodes)
			most := testTime
			if strings.HasSuffix(what, "until the deadline") {
				most = 700 * time.Millisecond
			}
			_, err := client.Set(within(t, most), oneSet)
			got := apierr.Of(err)
			if err == nil || got.Result() != c.outcome || got.Kind != c.kind && !(c.kind == apierr.KindDeadline && got.Kind == apierr.KindClusterDown) {
				t.Errorf("got kind %v, outcome %v: %v; want %v, %v", apierr.KindOf(err), got.Result(), err, c.kind, c.outcome)
			}
		})
	}
}

// A caller whose context ends hears of it, and of what may have happened.
func TestEndOfTheContextTellsTheOutcome(t *testing.T) {
	nodes := fakeNodes(t, 1, 0)
	asked, release := make(chan struct{}, 1), make(chan struct{})
	nodes[0].answer = func(*cachev1.PipelineCall) *cachev1.PipelineReply {
		asked <- struct{}{}
		<-release
		return setTo(1)
	}
	c := dialNodes(t, nodes)
	defer close(release)
	ctx, cancel := context.WithCancel(within(t, testTime))
	go func() {
		<-asked
		cancel()
	}()
	_, err := c.Set(ctx, oneSet)
	if !errors.Is(err, context.Canceled) || apierr.Of(err).Result() != apierr.OutcomeUnknown {
		t.Errorf("sent and cancelled: %v, outcome %v", err, apierr.Of(err).Result())
	}
	_, err = c.Set(ctx, oneSet)
	if !errors.Is(err, context.Canceled) || apierr.Of(err).Result() != apierr.OutcomeNotApplied {
		t.Errorf("cancelled before: %v, outcome %v", err, apierr.Of(err).Result())
	}
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	if _, err = c.Get(short, "k"); apierr.Of(err).Result() != apierr.OutcomeNotApplied || err == nil {
		t.Errorf("a read: %v, outcome %v", err, apierr.Of(err).Result())
	}
}
