//go:build !race

package store

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/holtcache/holt/raftfsm/entry"
)

// residentBytes is what the kernel counts as this process' memory.
func residentBytes(t testing.TB) int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			var kilobytes int64
			if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Skip("no VmRSS here")
	return 0
}

func heapBytes() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The targets of the design, by the store's own accounting with 400,000 keys, and by resident memory with 2 million:
//
//	HOLT_KEYS=2000000 go test -run TestBytesPerKey -v ./raftfsm/store
func TestBytesPerKeyStayWithinTheTargets(t *testing.T) {
	keys, resident := 400_000, false
	if text := os.Getenv("HOLT_KEYS"); text != "" {
		if _, err := fmt.Sscan(text, &keys); err != nil {
			t.Fatal(err)
		}
		resident = true
	}
	for _, test := range []struct {
		name     string
		expireAt int64
		want     float64
	}{{"without expiry", 0, 110}, {"with expiry", 1_790_000_000_000, 118}} {
		t.Run(test.name, func(t *testing.T) {
			heapBefore, rssBefore := heapBytes(), residentBytes(t)
			s := New()
			f := newFiller(64)
			for i := range keys {
				f.set(s, i, test.expireAt)
			}
			heap, rss := heapBytes()-heapBefore, residentBytes(t)-rssBefore
			m := s.Memory()
			perKey := func(bytes int64) float64 { return float64(bytes) / float64(keys) }
			t.Logf("%d keys: resident %.1f, used %.1f, slabs %.1f, Go heap %.2f, fixed %.2f bytes a key", keys, perKey(rss), perKey(m.Used), perKey(m.Held), perKey(heap), perKey(m.Fixed))
			if got := perKey(m.Held+m.Spare) + perKey(heap-m.Fixed); got > test.want {
				t.Errorf("%.1f bytes a key, at most %.0f are wanted", got, test.want)
			}
			if got := perKey(heap - m.Fixed); got > 5 {
				t.Errorf("%.2f bytes a key in the Go heap, at most 5 are wanted", got)
			}
			if resident && perKey(rss) > test.want {
				t.Errorf("%.1f resident bytes a key, at most %.0f are wanted", perKey(rss), test.want)
			}
			runtime.KeepAlive(s)
		})
	}
}

// What a field takes by the store's own accounting: 16-byte names, 64-byte values, in small hashes and in one large one.
func TestBytesPerFieldStayWithinTheTargets(t *testing.T) {
	for _, c := range []struct {
		keys, fields int
		want         float64
	}{{2000, 20, 95}, {300, 500, 100}, {1, 200_000, 100}} {
		s := New()
		e := entry.Effect{Kind: entry.EffectSetField, Type: entry.TypeHash, Value: make([]byte, 64)}
		for key := range c.keys {
			e.Key = fmt.Appendf(nil, "key%013d", key)
			for field := range c.fields {
				e.Field = fmt.Appendf(nil, "field%011d", field)
				e.Version++
				apply(s, e)
			}
		}
		m := s.Memory()
		got := float64(m.Held+m.Spare) / float64(c.keys*c.fields)
		t.Logf("%d keys of %d fields: %.1f bytes a field used, %.1f held", c.keys, c.fields, float64(m.Used)/float64(c.keys*c.fields), got)
		if got > c.want {
			t.Errorf("%d keys of %d fields: %.1f bytes a field, at most %.0f are wanted", c.keys, c.fields, got, c.want)
		}
		runtime.KeepAlive(s)
	}
}

// After overwriting every key ten times with values of 32 to 256 bytes the slabs hold little that is not used.
func TestOverwritingLeavesLittleUnusedMemory(t *testing.T) {
	keys := 100_000
	if text := os.Getenv("HOLT_KEYS"); text != "" {
		if _, err := fmt.Sscan(text, &keys); err != nil {
			t.Fatal(err)
		}
	}
	rssBefore := residentBytes(t)
	s := New()
	f := newFiller(256)
	value, random := f.effect.Value, uint64(1)
	for round := range 11 {
		for i := range keys {
			random = random*6364136223846793005 + 1442695040888963407
			f.effect.Value = value[:64]
			if round > 0 {
				f.effect.Value = value[:32+(random>>33)%225]
			}
			f.set(s, i, 0)
		}
	}
	rss := residentBytes(t) - rssBefore
	m := s.Memory()
	t.Logf("%d keys: resident %d, used %d (%.3f), held %d, spare %d", keys, rss, m.Used, float64(rss)/float64(m.Used), m.Held, m.Spare)
	if held := m.Held + m.Spare; held*100 > m.Used*125 {
		t.Errorf("the slabs hold %d bytes for %d used ones", held, m.Used)
	}
	runtime.KeepAlive(s)
}

func TestDeletedMemoryGoesBack(t *testing.T) {
	const keys = 200_000
	s := New()
	f := newFiller(100)
	for i := range keys {
		f.set(s, i, 0)
	}
	full := s.Memory()
	e := f.effect
	e.Kind = entry.EffectDel
	for i := range keys {
		if i%10 != 0 {
			binary.BigEndian.PutUint64(e.Key, uint64(i)*0x9e3779b97f4a7c15)
			binary.BigEndian.PutUint64(e.Key[8:], uint64(i))
			apply(s, e)
		}
	}
	for s.Maintain(10_000) {
	}
	mustCheck(t, s, 0)
	m := s.Memory()
	if s.Len() != keys/10 || (m.Held+m.Spare)*100 > m.Used*130+200<<20/10 || m.Held > full.Held/4 {
		t.Errorf("%d keys of %d left: %+v, before %+v", s.Len(), keys, m, full)
	}
	for id := range s.slots {
		s.slots[id].Lock()
		s.slots[id].DropLocked()
		s.slots[id].Unlock()
	}
	if s.Len() != 0 || s.UsedBytes() != 0 {
		t.Errorf("%d keys and %d bytes after all slots were dropped", s.Len(), s.UsedBytes())
	}
	for s.Maintain(10_000) {
	}
	if m := s.Memory(); m.Held != 0 || m.Pending != 0 {
		t.Errorf("an empty store: %+v", m)
	}
	mustCheck(t, s, 0)
}
