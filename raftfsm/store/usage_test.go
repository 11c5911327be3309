package store

import (
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/slot"
)

// What a key will take is known before it is written: narrow and wide cells, with and without expiry.
func TestCellBytesIsWhatAWrittenKeyTakes(t *testing.T) {
	s := New()
	for i, size := range []int{0, 1, 43, 64, 900, 1000, 1023, 5000, 100_000, 3 << 20} {
		for _, expireAt := range []int64{0, 1_700_000_000_000} {
			key := strings.Repeat("k", 1+7*i)
			apply(s, set(key, strings.Repeat("v", size), expireAt, uint64(1000*i+1)))
			sl := s.Slot(slot.Of([]byte(key)))
			sl.RLock()
			item, _ := sl.GetLocked([]byte(key))
			want, ok := sl.MemoryLocked([]byte(key))
			got := CellBytes([]byte(key), len(item.Value), item.Type, item.ExpireAt, item.Version)
			sl.RUnlock()
			if !ok || got != want {
				t.Errorf("value of %d bytes, expiry %d: got %d, the store says %d", size, expireAt, got, want)
			}
		}
	}
}
