package store

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// benchKeys are as many as do not fit into caches.
const benchKeys = 1_000_000

func filled(b *testing.B, keys, valueBytes int) (*Store, *filler) {
	s, f := New(), newFiller(valueBytes)
	for i := range keys {
		f.set(s, i, 0)
	}
	b.ReportAllocs()
	b.ResetTimer()
	return s, f
}

func (f *filler) key(n int) []byte {
	binary.BigEndian.PutUint64(f.effect.Key, uint64(n)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(f.effect.Key[8:], uint64(n))
	return f.effect.Key
}

// nth spreads consecutive numbers over the keys.
func nth(i int) int { return int(uint64(i) * 2654435761 % benchKeys) }

func BenchmarkGet(b *testing.B) {
	s, f := filled(b, benchKeys, 64)
	buf := make([]byte, 0, 64)
	for i := 0; b.Loop(); i++ {
		key := f.key(nth(i))
		sl := s.Slot(slot.Of(key))
		sl.RLock()
		item, ok := sl.GetLocked(key)
		buf = append(buf[:0], item.Value...)
		sl.RUnlock()
		if !ok || len(buf) != 64 {
			b.Fatal("a key is missing")
		}
	}
}

func BenchmarkOverwriteSameSize(b *testing.B) {
	s, f := filled(b, benchKeys, 64)
	for i := 0; b.Loop(); i++ {
		f.set(s, nth(i), 0)
	}
}

func BenchmarkOverwriteOtherSize(b *testing.B) {
	s, f := filled(b, benchKeys, 256)
	value := f.effect.Value
	for i := 0; b.Loop(); i++ {
		f.effect.Value = value[:32+i*7919%225]
		f.set(s, nth(i), 0)
	}
}

func BenchmarkInsertAndDelete(b *testing.B) {
	s, f := filled(b, benchKeys, 64)
	for i := 0; b.Loop(); i++ {
		f.effect.Kind = entry.EffectSet
		f.set(s, benchKeys+i, 0)
		f.effect.Kind = entry.EffectDel
		f.set(s, nth(i), 0)
	}
}

func BenchmarkInsert(b *testing.B) {
	s, f := filled(b, 0, 64)
	for i := 0; b.Loop(); i++ {
		f.set(s, i, 0)
	}
}

func BenchmarkSample5(b *testing.B) {
	s, _ := filled(b, benchKeys, 64)
	var candidates []Candidate
	random := uint64(1)
	for b.Loop() {
		candidates = s.Sample(candidates[:0], 5, func() uint64 {
			random = random*6364136223846793005 + 1442695040888963407
			return random ^ random>>29
		}, false)
	}
}

// What the garbage collector's work depends on: not on the number of keys.
func BenchmarkGarbageCollection(b *testing.B) {
	for _, keys := range []int{100_000, 5_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s, _ := filled(b, keys, 64)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			began := time.Now()
			for b.Loop() {
				runtime.GC()
			}
			took := time.Since(began)
			runtime.ReadMemStats(&after)
			cycles := float64(after.NumGC - before.NumGC)
			b.ReportMetric(float64(after.PauseTotalNs-before.PauseTotalNs)/cycles, "pause-ns/cycle")
			b.ReportMetric(float64(took.Nanoseconds())/cycles, "cycle-ns")
			runtime.KeepAlive(s)
		})
	}
}

// How long the longest write takes while a capture of a slot with many keys is open.
func BenchmarkFirstWriteAfterACapture(b *testing.B) {
	s := New()
	e := entry.Effect{Kind: entry.EffectSet, Type: entry.TypeString, Value: make([]byte, 64)}
	for i := range 1_000_000 {
		e.Key = fmt.Appendf(e.Key[:0], "{one}%d", i)
		apply(s, e)
	}
	for i := 0; b.Loop(); i++ {
		c := s.Capture()
		e.Key = fmt.Appendf(e.Key[:0], "{one}%d", i)
		apply(s, e)
		b.StopTimer()
		c.Release()
		b.StartTimer()
	}
}

// A million keys that expire at once, found 500 at a time.
func BenchmarkExpiredKeys(b *testing.B) {
	s, f := New(), newFiller(64)
	for i := range benchKeys {
		f.set(s, i, 1000)
	}
	b.ResetTimer()
	found, from := 0, slot.ID(0)
	for b.Loop() {
		var keys [][]byte
		keys, from = s.ExpiredKeys(nil, from, 1000, 500)
		found += len(keys)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(found), "ns/key")
}

// One whole round over all keys, of which every one was used (bytes/key: sent), and the same on the follower.
func BenchmarkStamps(b *testing.B) {
	s, _ := filled(b, benchKeys, 64)
	now := int64(1_800_000_000_000)
	pass := NewStampPass(s, StampsLRU, false)
	for id := range s.slots {
		sl := &s.slots[id]
		sl.RLock()
		for key := range sl.AllLocked() {
			sl.GetTouchLocked(key, func(Access) Access { return LRU(now) })
		}
		sl.RUnlock()
	}
	round := func(apply func([]byte)) {
		for ended := false; !ended; {
			var portion []byte
			portion, _, ended = pass.Next(nil, now, 64, 32<<10)
			apply(portion)
		}
	}
	b.Run("unused", func(b *testing.B) {
		round(func([]byte) {})
		now += 60_000
		for range b.N {
			round(func([]byte) {})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
	})
	b.Run("encode", func(b *testing.B) {
		sent := 0
		for range b.N {
			pass.Again()
			round(func(p []byte) { sent += len(p) })
		}
		b.ReportMetric(float64(sent)/float64(b.N)/benchKeys, "bytes/key")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
	})
	b.Run("apply", func(b *testing.B) {
		for range b.N {
			pass.Again()
			b.StopTimer()
			round(func(p []byte) {
				b.StartTimer()
				if _, err := s.ApplyStamps(p, StampsLRU, now, 0); len(p) > 0 && err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
			})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
	})
}

// A field of hashes of several sizes is set and read.
func BenchmarkField(b *testing.B) {
	for _, fields := range []int{10, 100, 1000, 1_000_000} {
		s := New()
		e := entry.Effect{Kind: entry.EffectSetField, Type: entry.TypeHash, Key: []byte("h"), Field: make([]byte, 16), Value: make([]byte, 64)}
		choose := func(i int) {
			binary.BigEndian.PutUint64(e.Field[8:], uint64(i%fields)*0x9e3779b97f4a7c15)
			e.Version++
		}
		for i := range fields {
			choose(i)
			apply(s, e)
		}
		b.Run(fmt.Sprintf("set/%d", fields), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				choose(i * 7919)
				apply(s, e)
			}
		})
		b.Run(fmt.Sprintf("get/%d", fields), func(b *testing.B) {
			sl := s.Slot(slot.Of(e.Key))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				choose(i * 7919)
				sl.RLock()
				all, _ := sl.FieldsLocked(e.Key)
				if _, ok := all.Get(e.Field); !ok {
					b.Fatal("a field is missing")
				}
				sl.RUnlock()
			}
		})
		b.Run(fmt.Sprintf("first-after-a-capture/%d", fields), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				c := s.Capture()
				choose(i * 7919)
				b.StartTimer()
				apply(s, e)
				b.StopTimer()
				c.Release()
				b.StartTimer()
			}
		})
	}
}
