package logstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// benchNode is the log of a node with some groups, in one of the two forms.
type benchNode struct {
	logs  []*Log
	syncs func() uint64 // fsyncs so far
	close func() error
}

func openBenchNode(b *testing.B, on backendKind, groups int, policy SyncPolicy) *benchNode {
	b.Helper()
	dir := b.TempDir()
	n := &benchNode{}
	fatal := func(err error) { b.Errorf("fatal: %v", err) }
	var wal *WAL
	if on == onWAL {
		var err error
		if wal, err = OpenWAL(WALConfig{Dir: filepath.Join(dir, "wal"), Sync: policy, Fatal: fatal}); err != nil {
			b.Fatal(err)
		}
		n.syncs = func() uint64 { return wal.Stats().Syncs }
	}
	for id := range groups {
		cfg := LogConfig{Path: filepath.Join(dir, fmt.Sprint(id)), Group: uint64(id), Sync: policy, Fatal: fatal}
		if wal != nil {
			group, err := wal.Group(uint64(id))
			if err != nil {
				b.Fatal(err)
			}
			cfg.Backend = group
		}
		log, err := OpenLog(cfg)
		if err != nil {
			b.Fatal(err)
		}
		n.logs = append(n.logs, log)
	}
	if wal == nil {
		n.syncs = func() uint64 { // bbolt syncs pages, then its meta page
			var commits uint64
			for _, l := range n.logs {
				commits += l.Stats().Appends
			}
			return 2 * commits
		}
	}
	n.close = func() error {
		var err error
		for _, l := range n.logs {
			err = errors.Join(err, l.Close())
		}
		if wal != nil {
			err = errors.Join(err, wal.Close())
		}
		return err
	}
	return n
}

// groupWriter is what raft's main goroutine is to a log: it takes what came meanwhile and appends it at once.
type groupWriter struct {
	log  *Log
	next uint64
	in   chan chan struct{}
}

const benchBatchMax = 128 // as shard's maxAppendEntries

func (w *groupWriter) run(value []byte, done <-chan struct{}) error {
	for {
		var waiting []chan struct{}
		select {
		case c := <-w.in:
			waiting = append(waiting, c)
		case <-done:
			return nil
		}
		for len(waiting) < benchBatchMax {
			select {
			case c := <-w.in:
				waiting = append(waiting, c)
				continue
			default:
			}
			break
		}
		entries := make([]*raft.Log, len(waiting))
		for i := range entries {
			w.next++
			entries[i] = &raft.Log{Index: w.next, Term: 1, Data: value}
		}
		if err := w.log.StoreLogs(entries); err != nil {
			return err
		}
		if w.next%8192 < uint64(len(entries)) { // a snapshot compacts
			if err := w.log.DeleteRange(1, w.next-min(w.next-1, 1024)); err != nil {
				return err
			}
		}
		for _, c := range waiting {
			c <- struct{}{}
		}
	}
}

// runWriters starts one goroutine for each group; the caller writes through their channels until it calls stop.
func (n *benchNode) runWriters(b *testing.B, value []byte) (writers []*groupWriter, stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for _, l := range n.logs {
		w := &groupWriter{log: l, in: make(chan chan struct{}, 1024)}
		writers = append(writers, w)
		wg.Go(func() {
			if err := w.run(value, done); err != nil {
				b.Errorf("append: %v", err)
			}
		})
	}
	return writers, func() { close(done); wg.Wait() }
}

// How many writes a second does the log of a node take, and what do they cost in fsyncs? Closed loop: each writer waits
// for its write before the next. go test ./shard/logstore -run '^$' -bench WALAppend
func BenchmarkWALAppend(b *testing.B) {
	for _, groups := range []int{1, 16} {
		for _, clients := range []int{1, 50} {
			for _, bytes := range []int{64, 4096} {
				for _, on := range []backendKind{onBolt, onWAL} {
					b.Run(fmt.Sprintf("groups=%d/clients=%d/bytes=%d/%s", groups, clients, bytes, on), func(b *testing.B) {
						n := openBenchNode(b, on, groups, SyncAlways)
						benchClosedLoop(b, n, clients, make([]byte, bytes))
						if err := n.close(); err != nil {
							b.Error(err)
						}
					})
				}
			}
		}
	}
}

func benchClosedLoop(b *testing.B, n *benchNode, clients int, value []byte) {
	writers, stop := n.runWriters(b, value)
	defer stop()
	before := n.syncs()
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			reply := make(chan struct{}, 1)
			for i := c; left.Add(-1) >= 0; i++ {
				writers[i%len(writers)].in <- reply
				<-reply
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
	b.ReportMetric(float64(n.syncs()-before)/float64(b.N), "fsyncs/write")
}

// What does each policy cost? go test ./shard/logstore -run '^$' -bench WALPolicy
func BenchmarkWALPolicy(b *testing.B) {
	for _, policy := range []SyncPolicy{SyncAlways, SyncEverySec, SyncNo} {
		b.Run(policy.String(), func(b *testing.B) {
			n := openBenchNode(b, onWAL, 1, policy)
			benchClosedLoop(b, n, 50, make([]byte, 64))
			if err := n.close(); err != nil {
				b.Error(err)
			}
		})
	}
}

// Do more groups cost more fsyncs? Open loop: 5,000 writes a second, whether or not the earlier ones are done. The disk's
// own speed changes from second to second, so one group and sixteen take turns. The ratio is that of the medians.
// go test ./shard/logstore -run '^$' -bench WALFixedRate -benchtime 1x
func BenchmarkWALFixedRate(b *testing.B) {
	const rounds = 9
	for _, on := range []backendKind{onBolt, onWAL} {
		b.Run(string(on), func(b *testing.B) {
			for range b.N {
				syncs := map[int][]float64{}
				for range rounds {
					for _, groups := range []int{1, 16} {
						n := openBenchNode(b, on, groups, SyncAlways)
						syncs[groups] = append(syncs[groups], fixedRate(b, n))
						if err := n.close(); err != nil {
							b.Fatal(err)
						}
					}
				}
				one, sixteen := median(syncs[1]), median(syncs[16])
				b.ReportMetric(one, "fsyncs/s/1-group")
				b.ReportMetric(sixteen, "fsyncs/s/16-groups")
				b.ReportMetric(sixteen/one, "ratio")
			}
		})
	}
}

func median(x []float64) float64 { slices.Sort(x); return x[len(x)/2] }

// fixedRate writes for half a second and returns the fsyncs per second that it took.
func fixedRate(b *testing.B, n *benchNode) float64 {
	const rate, writes = 5000, 2500
	writers, stop := n.runWriters(b, make([]byte, 64))
	defer stop()
	before, start := n.syncs(), time.Now()
	replies := make(chan struct{}, writes)
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for sent := 0; sent < writes; {
		<-tick.C
		for due := min(writes, int(time.Since(start).Seconds()*rate)); sent < due; sent++ {
			writers[sent%len(writers)].in <- replies
		}
	}
	for range writes {
		<-replies
	}
	return float64(n.syncs()-before) / time.Since(start).Seconds()
}

// How fast is a restart? One operation opens a log of a hundred thousand entries of 64 bytes.
// go test ./shard/logstore -run '^$' -bench WALOpen
func BenchmarkWALOpen(b *testing.B) {
	dir := b.TempDir()
	open := func() *WAL {
		w, err := OpenWAL(WALConfig{Dir: dir, Sync: SyncNo, Fatal: func(err error) { b.Error(err) }})
		if err != nil {
			b.Fatal(err)
		}
		return w
	}
	w := open()
	g, err := w.Group(1)
	if err != nil {
		b.Fatal(err)
	}
	for from := uint64(1); from <= 100_000; from += 100 {
		if err := g.Append(entriesOf(1, from, from+99)); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := open().Close(); err != nil {
			b.Fatal(err)
		}
	}
}
