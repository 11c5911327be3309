package nemesis

import (
	"os"
	"strings"
	"testing"
)

func TestVolumeIsGoneAfterTheTest(t *testing.T) {
	var root string
	t.Run("with a volume", func(t *testing.T) {
		root = NewSmallDisk(t, 1<<20).root
	})
	if _, err := os.Stat(root); err == nil {
		t.Errorf("%s is still there", root)
	}
	if strings.Contains(read(t, "/proc/self/mounts"), root) {
		t.Errorf("%s is still mounted", root)
	}
}
