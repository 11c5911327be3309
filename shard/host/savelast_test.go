package host

import (
	"slices"
	"testing"
)

func TestAStopSavesAsManySmallStoresAsItCanWaitFor(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		what  string
		sizes []int64
		want  []int
	}{
		{"nothing", nil, nil},
		{"none is worth it", []int64{0, 0}, nil},
		{"all fit", []int64{3 * mib, 0, 2 * mib, 1}, []int{3, 2, 0}},
		{"exactly as much as may be", []int64{lastSaveBytes - mib, mib}, []int{1, 0}},
		{"one too large", []int64{lastSaveBytes, mib, 2 * mib}, []int{1, 2}},
		{"only one, too large", []int64{lastSaveBytes + 1}, nil},
	} {
		if got := lastSaves(c.sizes); !slices.Equal(got, c.want) {
			t.Errorf("%s: saves %v, want %v", c.what, got, c.want)
		}
	}
}
