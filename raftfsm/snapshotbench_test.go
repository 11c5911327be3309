package raftfsm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// benchKeys is how many keys the benchmarks below work on: 16 bytes each, values of 64 bytes.
const benchKeys = 500_000

// filled is a store with keys whose values compress as well as random bytes do, that is, not at all.
func filled(keys int) *store.Store {
	s := store.New()
	random := rand.New(rand.NewPCG(1, 2))
	value := make([]byte, 64)
	for i := range keys {
		for at := 0; at < len(value); at += 8 {
			binary.LittleEndian.PutUint64(value[at:], random.Uint64())
		}
		key := []byte(fmt.Sprintf("key:%012d", i))
		sl := s.Slot(slot.Of(key))
		sl.Lock()
		sl.ApplyLocked(&entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Key: key, Value: value, Version: uint64(i + 1)})
		sl.Unlock()
	}
	return s
}

// discardSink is a snapshot sink that only counts.
type discardSink struct{ bytes int }

func (d *discardSink) Write(p []byte) (int, error) { d.bytes += len(p); return len(p), nil }
func (*discardSink) ID() string                    { return "discard" }
func (*discardSink) Cancel() error                 { return nil }
func (*discardSink) Close() error                  { return nil }

func BenchmarkSnapshotIsWritten(b *testing.B) {
	f := New(7, filled(benchKeys), &deaf{})
	f.SetSnapshotPace(PaceFull)
	var sink discardSink
	for b.Loop() {
		s, err := f.Snapshot()
		if err != nil {
			b.Fatal(err)
		}
		sink.bytes = 0
		if err := s.Persist(&sink); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
	b.ReportMetric(float64(sink.bytes)/benchKeys, "bytes/key")
}

func BenchmarkSnapshotIsLoaded(b *testing.B) {
	f := New(7, filled(benchKeys), &deaf{})
	f.SetSnapshotPace(PaceFull)
	s, err := f.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	var sink memorySink
	if err := s.Persist(&sink); err != nil {
		b.Fatal(err)
	}
	s.Release()
	b.SetBytes(int64(sink.Len()))
	for b.Loop() {
		if err := f.Restore(io.NopCloser(bytes.NewReader(sink.Bytes()))); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
}

// BenchmarkChunk is what the FSM goroutine pays for a chunk of 2,000 keys of 16 bytes with values of 64.
func BenchmarkChunk(b *testing.B) {
	r := target()
	r.imports(3, only(slotOfK))
	parts := items()
	for i := range 2000 {
		it := item(fmt.Sprintf("{k}%013d", i), strings.Repeat("v", 64))
		parts[0].Items = append(parts[0].Items, it)
	}
	encoded := entry.AppendPart(nil, &parts[0])
	b.SetBytes(int64(len(encoded)))
	b.ReportAllocs()
	for sequence := uint64(0); b.Loop(); sequence++ {
		r.put(entry.EncodeChunkOf(r.next(2000), entry.Chunk{Migration: 3, Attempt: firstAttempt, Sequence: sequence}, encoded))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(2000*b.N), "ns/key")
}
