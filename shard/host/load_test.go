package host

import (
	"runtime"
	"testing"
)

func TestSmallStoresAreOpenedOneAfterAnother(t *testing.T) {
	for _, c := range []struct {
		what          string
		total, loaded int64
		want          int
	}{
		{"nothing", 0, 0, 1},
		{"little", soloBytes - 1, 0, 1},
		{"much, most of it log that is read", 10 * soloBytes, 9*soloBytes + 1, 1},
		{"much", soloBytes, 0, runtime.GOMAXPROCS(0)},
	} {
		h := &Host{cfg: Config{Folder: &Folder{}}}
		h.cfg.Folder.loading.total.Store(c.total)
		h.cfg.Folder.loading.loaded.Store(c.loaded)
		if got := h.openers(); got != c.want {
			t.Errorf("%s: %d at a time, want %d", c.what, got, c.want)
		}
	}
}
