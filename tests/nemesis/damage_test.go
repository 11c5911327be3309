package nemesis

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// A file of which a part is written and the rest is reserved, as a segment of a log is.
func TestDamageChangesTheFileWhereItSays(t *testing.T) {
	const written, reserved = 3*pageBytes + 100, 8 * pageBytes
	for seed := range uint64(10) {
		random := rand.New(rand.NewPCG(seed, 0))
		path := filepath.Join(t.TempDir(), "file")
		for _, c := range []struct {
			damage      *Damage
			first, last int // where the first changed byte may be
		}{
			{FlipBit(path, random, 0.25, 0.5), written / 4, written / 2},
			{FlipLastByte(path, random), written - 1, written},
			{CutTail(path, random), written / 2, written},
			{ZeroLastPage(path, random), 3 * pageBytes, written},
			{TearTail(path, random), written / 2, written},
			{GarbageBehind(path, random), written, written + 100},
			{GarbageTail(path, random), written / 2, written},
		} {
			before := append(bytes.Repeat([]byte{0xa5}, written), make([]byte, reserved-written)...)
			must(t, os.WriteFile(path, before, 0o600))
			if err := c.damage.TookEffect(); err == nil {
				t.Errorf("%s: took effect before it began", c.damage.Name())
			}
			During(t, c.damage, func() {})
			after := []byte(read(t, path))
			at := 0
			for at < min(len(before), len(after)) && before[at] == after[at] {
				at++
			}
			if at < c.first || at >= c.last || at != c.damage.Offset() {
				t.Errorf("seed %d: %s: differs from %d on and says %d, want %d to %d", seed, c.damage.Name(), at, c.damage.Offset(), c.first, c.last)
			}
			must(t, c.damage.Undo())
			if !bytes.Equal([]byte(read(t, path)), before) {
				t.Errorf("seed %d: %s: not undone", seed, c.damage.Name())
			}
		}
	}
}
