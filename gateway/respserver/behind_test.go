package respserver

import (
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

// Reads of large values behind a write must not be evaluated by the executor one after another: it has others to serve.
func TestFewReadsOfLargeValuesAreLeftToTheExecutor(t *testing.T) {
	const size, reads = 200 << 10, 100
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("SET k "+strings.Repeat("v", size), "+OK")
	pipeline := []string{"SET x 1"}
	for range reads {
		pipeline = append(pipeline, "GET k")
	}
	for round := range 2 {
		before := f.replicas[0].reads.Load()
		c.send(pipeline...)
		for i := range pipeline {
			if got := c.recv(); i > 0 && len(got) != size {
				t.Fatalf("reply %d: got %.100q", i, got)
			}
		}
		most := int64(behindFirst)
		if round > 0 {
			most = 0 // the connection is known to read large values
		}
		if left := reads - (f.replicas[0].reads.Load() - before); left > most {
			t.Errorf("round %d: %d of %d reads were left to the executor, want %d at most", round, left, reads, most)
		}
	}
	// It stays in order.
	c.send("SET k old", "GET k", "SET k new", "GET k", "GET k")
	for _, want := range []string{"+OK", "old", "+OK", "new", "new"} {
		if got := c.recv(); got != want {
			t.Errorf("got %.100q, want %q", got, want)
		}
	}
}

func TestReadsBehindWritesGrowAsLongAsRepliesAreSmall(t *testing.T) {
	b := behind{most: behindFirst}
	for round, want := range []int{2 * behindFirst, 4 * behindFirst} {
		for !b.full() {
			b.reads++
		}
		if b.settled(false); b.most != want || b.reads != 0 {
			t.Errorf("round %d: %+v, want %d", round, b, want)
		}
	}
	if b.settled(false); b.most != 4*behindFirst {
		t.Errorf("a round with few reads: %+v", b)
	}
	large, small := resp.Bulk(make([]byte, heldReplyMin)), resp.Bulk([]byte("v"))
	b.settled(true)
	if b.sawDirect(&large); b.most != 0 || !b.full() {
		t.Errorf("after a large reply: %+v", b)
	}
	if b.sawDirect(&small); b.most != behindFirst {
		t.Errorf("after a small reply again: %+v", b)
	}
}
