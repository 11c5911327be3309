package executor

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// proposes steps the executor and says how many batches are in flight then.
func (b *bench) proposes(why string, want int) {
	b.t.Helper()
	b.driver.Step()
	if got := len(b.proposed); got != want {
		b.t.Fatalf("%s: %d batches in flight, want %d", why, got, want)
	}
}

func TestBatchWaitsOnlyBehindLargerOnes(t *testing.T) {
	b := newLeader(t)
	sets := func(n int) {
		for i := range n {
			b.set(fmt.Sprint("k", i), "v")
		}
	}
	sets(3)
	b.proposes("nothing was in flight", 1)
	sets(2)
	b.proposes("three writes wait for the first batch, the second has two", 1)
	sets(1)
	b.proposes("the second batch has as many as wait", 2)
	sets(5)
	b.proposes("six wait, the third has five", 2)
	b.commit()
	b.proposes("three wait, the third has five", 2)
	b.commitAll()
	sets(1)
	b.proposes("nothing is in flight any more", 1)
}

func TestBatchThatWaitsGoesWhenTheOneBeforeTakesLong(t *testing.T) {
	b := newLeader(t)
	b.set("a", "v")
	b.set("b", "v")
	b.proposes("nothing was in flight", 1)
	b.set("c", "v")
	if wait := b.driver.Step(); wait <= 0 || wait > patience {
		t.Errorf("the next look is after %v, want at most %v", wait, patience)
	}
	b.proposes("two wait, the second batch has one", 1)
	b.exec.mu.Lock()
	b.exec.batches[0].since = b.exec.batches[0].since.Add(-patience)
	b.exec.mu.Unlock()
	b.proposes("the first batch has been in flight for long", 2)
}

// Callers who were answered together come again while the executor lets others run, and share the next round.
func TestCallersWhoWereAnsweredTogetherStayTogether(t *testing.T) {
	var b *bench
	yields, again := 0, 0
	b = newLeader(t, func(c *Config) {
		c.yield = func() {
			yields++
			for i := range again {
				b.set(fmt.Sprint("again", i), "v")
			}
		}
	})
	for _, callers := range []int{3, 1} {
		for i := range callers {
			b.set(fmt.Sprint("first", i), "v")
		}
		b.proposes("nothing was in flight", 1)
		b.commit()
		yields, again = 0, callers-1
		b.proposes("nobody has come again", 0)
		last := b.set("last", "v")
		b.proposes("nothing is in flight", 1)
		if want := min(callers-1, 1); yields != want {
			t.Errorf("%d callers were answered together: the executor yielded %d times, want %d", callers, yields, want)
		}
		if got := len(decode(t, b.proposed[0].record)); got != callers {
			t.Errorf("%d callers were answered together, %d are in the next batch", callers, got)
		}
		b.commit()
		b.wantApplied("the last write", last)
		again = 0
		b.set("alone", "v") // so that a verdict of one is the last
		b.proposes("nothing is in flight", 1)
		b.commit()
	}
}

// In async mode nobody waits for a batch that is in the log.
func TestBatchDoesNotWaitBehindAcknowledgedOnes(t *testing.T) {
	b := newLeader(t)
	async := func(key string) *asked {
		return b.submitAs(&Request{Slot: slot.Of([]byte(key)), Ack: AckAsync, Do: func(tx *Tx) {
			tx.Set([]byte(key), []byte("v"), entry.TypeString, 0)
		}})
	}
	async("a")
	async("b")
	b.proposes("nothing was in flight", 1)
	async("c")
	b.proposes("two wait, the second batch has one", 1)
	b.exec.Appended(b.exec.inc, entry.EncodeExecutorStart(0, entry.ExecutorStart{}))
	b.exec.Appended(b.exec.inc+1, entry.EncodeOwn(entry.Header{Incarnation: b.exec.inc, Sequence: 1}, nil))
	b.exec.Appended(b.exec.inc+2, b.proposed[0].record)
	b.proposes("the first batch is acknowledged", 2)
}

// distantLog is a log as hashicorp/raft and the transport keep it: whatever has been proposed is synced together, then
// one AppendEntries at a time carries all that is synced to the quorum.
type distantLog struct {
	sync, roundTrip time.Duration
	proposed        chan *fate
	synced          chan *fate
	apply           func(record []byte)
	syncs, rounds   atomic.Int64
}

func (l *distantLog) Leader() (uint64, bool)                { return 1, true }
func (l *distantLog) Leased(uint64) bool                    { return true }
func (l *distantLog) Confirm(context.Context, uint64) error { return nil }

func (l *distantLog) Propose(record []byte) Proposal {
	f := &fate{record: record, answer: make(chan error, 1)}
	l.proposed <- f
	return f
}

// stage takes everything that is there, spends the time, and passes it on.
func stage(in chan *fate, d time.Duration, count *atomic.Int64, pass func(*fate)) {
	for f := range in {
		taken := []*fate{f}
		for len(in) > 0 {
			taken = append(taken, <-in)
		}
		time.Sleep(d)
		count.Add(1)
		for _, f := range taken {
			pass(f)
		}
	}
}

func (l *distantLog) run(wg *sync.WaitGroup) {
	wg.Go(func() {
		stage(l.proposed, l.sync, &l.syncs, func(f *fate) { l.synced <- f })
		close(l.synced)
	})
	wg.Go(func() {
		stage(l.synced, l.roundTrip+l.sync, &l.rounds, func(f *fate) {
			l.apply(f.record)
			f.answer <- nil
		})
	})
}

// clients that each wait for the answer run for a second of simulated time.
func (l *distantLog) throughput(clients int) (writes int64, s Stats) {
	st := store.New()
	l.proposed, l.synced = make(chan *fate, 128), make(chan *fate, 128)
	e := New(Config{
		Shard: testShard, Node: "a", Log: l, Gate: l, LeaseMax: time.Millisecond, Nonce: func() uint64 { return 1 },
		Slots: func() []slot.Range { return slot.Split(1) }, Logger: slog.New(slog.DiscardHandler),
	}, st)
	fsm := raftfsm.New(uint64(testShard), st, e)
	index := uint64(0)
	l.apply = func(record []byte) {
		index++
		fsm.Apply(&raft.Log{Index: index, Term: 1, Type: raft.LogCommand, Data: record})
	}
	var logs, others sync.WaitGroup
	l.run(&logs)
	ctx, cancel := context.WithCancel(context.Background())
	others.Go(func() { _ = e.Run(ctx) })
	time.Sleep(time.Second) // of the simulation: by then the slots are its own
	var done atomic.Int64
	end := time.Now().Add(time.Second)
	for i := range clients {
		key := fmt.Append(nil, "k", i)
		others.Go(func() {
			for w := NewWaiter(); time.Now().Before(end); done.Add(1) {
				r := &Request{Slot: slot.Of(key), Do: func(tx *Tx) { tx.Set(key, key, entry.TypeString, 0) }}
				if e.Submit(w, r) != nil || w.Wait(ctx) != nil || r.Err != nil {
					return
				}
			}
		})
	}
	time.Sleep(time.Until(end) + time.Second)
	s = e.Stats()
	cancel()
	others.Wait()
	close(l.proposed)
	logs.Wait()
	e.Wait()
	return done.Load(), s
}

// Clients that wait for each answer come close to one write for each sync of the leader, round trip and sync of the
// quorum, however far the quorum is. If every batch goes at once they come to little more than half of that.
func TestWaitingBatchesKeepTheLogBusy(t *testing.T) {
	for _, roundTrip := range []time.Duration{50 * time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
		for _, clients := range []int{1, 17} {
			synctest.Test(t, func(t *testing.T) {
				l := &distantLog{sync: 150 * time.Microsecond, roundTrip: roundTrip}
				writes, s := l.throughput(clients)
				ideal := float64(clients) / (2*l.sync + roundTrip).Seconds()
				t.Logf("round trip %v, %d clients: %.0f%% of the ideal, %.1f writes a batch, %d rounds", roundTrip, clients,
					100*float64(writes)/ideal, float64(writes)/float64(s.Batches), l.rounds.Load())
				if float64(writes) < 0.75*ideal {
					t.Errorf("round trip %v, %d clients: %d writes a second, want at least three quarters of %.0f", roundTrip, clients, writes, ideal)
				}
			})
		}
	}
}
