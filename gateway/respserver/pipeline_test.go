package respserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/router"
)

func TestRepliesComeInTheOrderOfCommands(t *testing.T) {
	c := start(t, fixtureConfig{}).dial()
	c.want(
		"PING", "+PONG",
		"SET a 1", "+OK",
		"GET a", "1",
		"INCR a", ":2",
		"GET a", "2",
		"PING x", "x",
		"GETX a", "-ERR unknown command 'GETX', with args beginning with: 'a' ",
		"SET a", "-ERR wrong number of arguments for 'set' command",
		"SET a v EX 0", "-ERR invalid expire time in 'set' command",
		"DEL a b", "-CROSSSLOT Keys in request don't hash to the same slot",
		"DEL a", ":1",
		"GET a", "(nil)",
		"ECHO end", "end",
	)
}

// A read behind writes of the same round sees them, on every shard, however the round is cut.
func TestPipelinedReadsSeeTheWritesBeforeThem(t *testing.T) {
	f := start(t, fixtureConfig{shards: 3, limits: Limits{PipelineMax: 7}})
	c := f.dial()
	var pairs []string
	for i := range 500 {
		key := fmt.Sprintf("k%d", i%20)
		pairs = append(pairs, fmt.Sprintf("SET %s %d", key, i), "+OK", "GET "+key, fmt.Sprint(i))
	}
	c.want(pairs...)
}

func TestReadAloneDoesNotGoThroughTheExecutor(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("GET a", "(nil)", "GET b", "(nil)")
	if reads, submits := f.replicas[0].reads.Load(), f.replicas[0].submits.Load(); reads != 2 || submits != 0 {
		t.Fatalf("%d reads and %d submits, want 2 and 0", reads, submits)
	}
	c.want("SET a 1", "+OK", "SET b 1", "+OK", "GET a", "1", "GET b", "1")
	if reads, submits := f.replicas[0].reads.Load(), f.replicas[0].submits.Load(); reads != 2 || submits == 0 {
		t.Fatalf("%d reads and %d submits, want 2 and some: reads behind open writes are ops", reads, submits)
	}
}

func TestWritesOfOtherShardsAreNotHeldUpByARead(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2})
	first, second := keyIn(f, 0), keyIn(f, 1)
	c := f.dial()
	release := make(chan struct{})
	before := func() { <-release }
	f.replicas[1].beforeRead.Store(&before)
	c.send("SET "+first+" 1", "GET "+second)
	eventually(t, "the write is applied", func() bool { return f.replicas[0].Keys() == 1 })
	close(release)
	if got := c.recv() + c.recv(); got != "+OK(nil)" {
		t.Fatalf("got %q", got)
	}
}

// keyIn returns a key of the shard with this index.
func keyIn(f *fixture, shard int) string {
	for i := 0; ; i++ {
		key := fmt.Sprintf("key%d", i)
		if s, err := slotOf([][]byte{[]byte(key)}); err == nil && int(f.cluster.View().Map.Owner(s)) == shard+1 {
			return key
		}
	}
}

func TestCommitThatTakesTooLongIsAnUnknownOutcome(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	f.replicas[0].log.gate.Lock()
	begin := time.Now()
	c.send("SET a 1", "GET b")
	got := c.recv()
	took := time.Since(begin)
	if second := c.recv(); second != "(nil)" {
		t.Errorf("GET b: got %q", second)
	}
	f.replicas[0].log.gate.Unlock()
	if !strings.HasPrefix(got, "-UNKNOWN ") || took < router.CommitMax || took > 3*time.Second {
		t.Fatalf("got %q after %v, want UNKNOWN after %v and before 3 s", got, took, router.CommitMax)
	}
	c.want("SET a 2", "+OK", "GET a", "2")
}

func TestPipelineLimitAtTheEdge(t *testing.T) {
	for _, n := range []int{3, 4, 5} {
		c := start(t, fixtureConfig{limits: Limits{PipelineMax: 4}}).dial()
		var pairs []string
		for i := range n {
			pairs = append(pairs, "INCR n", fmt.Sprintf(":%d", i+1))
		}
		c.want(pairs...)
	}
}

func TestReplyOffAndSkipAnswerNothing(t *testing.T) {
	c := start(t, fixtureConfig{}).dial()
	c.send("CLIENT REPLY OFF", "SET a 1", "GET a", "CLIENT REPLY ON", "GET a", "CLIENT REPLY SKIP", "SET a 2", "GET a")
	if got := []string{c.recv(), c.recv(), c.recv()}; fmt.Sprint(got) != "[+OK 1 2]" {
		t.Fatalf("got %v, want [+OK 1 2]", got)
	}
}
