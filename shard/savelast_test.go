package shard

import "testing"

func TestASnapshotBeforeAStopIsWorthItForMuchLog(t *testing.T) {
	for _, c := range []struct {
		what  string
		log   uint64
		store int64
		want  int64
	}{
		{"nothing", 0, 0, 0},
		{"a little log", 1<<20 - 1, 100, 0},
		{"enough for a small store", 1 << 20, 100, 100},
		{"enough, of keys that are gone", 1 << 20, 0, 1},
		{"too little for a large one", 16<<20 - 1, 128 << 20, 0},
		{"an eighth of a large one", 16 << 20, 128 << 20, 128 << 20},
	} {
		m := &member{keys: &counted{bytes: c.store}}
		m.logBytes.Store(c.log + 100)
		m.snapAt.Store(100)
		if got := m.LastSave(); got != c.want {
			t.Errorf("%s: %d bytes, want %d", c.what, got, c.want)
		}
	}
	if got := (&member{}).LastSave(); got != 0 {
		t.Errorf("a group without keys: %d bytes, want none", got)
	}
}
