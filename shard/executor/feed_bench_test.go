package executor

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/feed"
)

// wakes is the listener of a replica with a feed, as package shard has it.
type wakes struct {
	*Executor
	feed *feed.Feed
}

func (l *wakes) Applied(h entry.Header, index uint64) {
	l.Executor.Applied(h, index)
	if l.feed.Watched() {
		l.feed.Wake()
	}
}

// keptLog is a log of the last records, for a feed.
type keptLog struct {
	mu      sync.Mutex
	first   uint64
	records [][]byte
}

func (l *keptLog) add(record []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.records = append(l.records, record); len(l.records) > 4096 {
		l.records = slices.Clone(l.records[2048:])
		l.first += 2048
	}
}

func (l *keptLog) Applied() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + uint64(len(l.records)) - 1
}

func (l *keptLog) First() uint64 { l.mu.Lock(); defer l.mu.Unlock(); return l.first }

func (l *keptLog) Entry(index uint64) (uint64, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if index < l.first || index >= l.first+uint64(len(l.records)) {
		return 0, nil, feed.ErrGone
	}
	return 1, l.records[index-l.first], nil
}

// What watching costs a write: without a feed, with one that nobody watches, and with a watcher of all keys.
func BenchmarkWriteWatched(b *testing.B) {
	for _, c := range []struct {
		name    string
		fed     bool
		readers int
	}{{"NoFeed", false, 0}, {"Nobody", true, 0}, {"One", true, 1}} {
		b.Run(c.name, func(b *testing.B) {
			h := newBench(b)
			log := &keptLog{first: 1}
			f := feed.New(log)
			if c.fed {
				h.fsm = raftfsm.New(uint64(testShard), h.store, &wakes{h.exec, f})
			}
			h.leads = true
			apply := func() {
				for len(h.proposed) > 0 {
					p := h.proposed[0]
					h.proposed = h.proposed[1:]
					h.index++
					log.add(p.record)
					h.fsm.Apply(&raft.Log{Index: h.index, Term: h.term, Type: raft.LogCommand, Data: p.record})
					p.answer <- nil
				}
			}
			for serving := false; !serving; _, serving = h.exec.Serving() {
				h.driver.Step()
				apply()
			}
			h.driver.Step()
			apply()
			ctx, cancel := context.WithCancel(context.Background())
			var reading sync.WaitGroup
			for range c.readers {
				st := h.fsm.State()
				r := f.From(feed.Position{Index: st.Applied, Term: 1, Incarnation: st.Incarnation, Sequence: st.Sequence, Version: st.Version}, feed.Selection{Slots: slot.Split(1)})
				reading.Go(func() {
					defer r.Close()
					for seen := 0; ; {
						changes, err := r.Next(ctx, nil, 1<<20)
						if err != nil {
							return
						}
						seen += len(changes)
					}
				})
			}
			value, w, n := make([]byte, 64), NewWaiter(), 0
			b.ResetTimer()
			for i := 0; i < b.N; i += 256 {
				requests := make([]*Request, 256)
				for i := range requests {
					key := fmt.Appendf(nil, "key:%012d", n%200_000)
					n++
					requests[i] = &Request{Slot: slot.Of(key), Do: func(tx *Tx) { tx.Set(key, value, entry.TypeString, 0) }}
				}
				if err := h.exec.Submit(w, requests...); err != nil {
					b.Fatal(err)
				}
				for w.Wait(gone) != nil {
					h.driver.Step()
					apply()
				}
			}
			b.StopTimer()
			cancel()
			reading.Wait()
		})
	}
}
