package nemesis

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
)

// Damage changes a file that nobody uses at the moment, as a bad disk or a crash in the middle of a write does.
type Damage struct {
	Path string

	what   string
	change func(random *rand.Rand, data []byte) []byte
	random *rand.Rand

	before, after []byte
}

var _ Fault = (*Damage)(nil)

func damage(path, what string, random *rand.Rand, change func(*rand.Rand, []byte) []byte) *Damage {
	return &Damage{Path: path, what: what, random: random, change: change}
}

// FlipBit flips one bit between two parts of what was written, 0 its beginning and 1 its end. Zeros behind it are room
// that was reserved.
func FlipBit(path string, random *rand.Rand, from, to float64) *Damage {
	return damage(path, "flipped bit", random, func(random *rand.Rand, data []byte) []byte {
		end := float64(written(data))
		first, last := int(from*end), int(to*end)
		at := first + random.IntN(max(1, last-first))
		for data[at] == 0 { // it may be padding, which means nothing; the last byte that was written is not zero
			at++
		}
		data[at] ^= 1 << random.IntN(8)
		return data
	})
}

// FlipLastByte flips a bit in the last byte that is not zero: in whatever was written last.
func FlipLastByte(path string, random *rand.Rand) *Damage {
	return damage(path, "flipped bit in the last byte", random, func(random *rand.Rand, data []byte) []byte {
		data[written(data)-1] ^= 1 << random.IntN(8)
		return data
	})
}

// tailBytes is the end of what was written, but at most half of it: where a torn write may have been.
const tailBytes = 16 << 10

// within draws an offset in the tail.
func within(random *rand.Rand, data []byte) int {
	end := written(data)
	return end - 1 - random.IntN(min(end/2, tailBytes))
}

// CutTail ends the file somewhere in its tail.
func CutTail(path string, random *rand.Rand) *Damage {
	return damage(path, "file that ends too early", random, func(random *rand.Rand, data []byte) []byte {
		return data[:within(random, data)]
	})
}

// ZeroLastPage makes zeros of the last page that was written: its blocks were reserved, and never reached.
func ZeroLastPage(path string, random *rand.Rand) *Damage {
	return damage(path, "last page never written", random, func(_ *rand.Rand, data []byte) []byte {
		end := written(data)
		clear(data[(end-1)/pageBytes*pageBytes : end])
		return data
	})
}

// TearTail makes zeros of everything from somewhere in the tail.
func TearTail(path string, random *rand.Rand) *Damage {
	return damage(path, "half of a write", random, func(random *rand.Rand, data []byte) []byte {
		clear(data[within(random, data):written(data)])
		return data
	})
}

// GarbageBehind puts noise behind what was written.
func GarbageBehind(path string, random *rand.Rand) *Damage {
	return damage(path, "noise behind the end", random, func(random *rand.Rand, data []byte) []byte {
		end := written(data)
		return append(data[:end], noise(random, 8+random.IntN(2*pageBytes))...)
	})
}

// GarbageTail puts noise over the tail, from somewhere on.
func GarbageTail(path string, random *rand.Rand) *Damage {
	return damage(path, "noise in the tail", random, func(random *rand.Rand, data []byte) []byte {
		end := written(data)
		at := within(random, data)
		copy(data[at:end], noise(random, end-at))
		return data
	})
}

func noise(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// written is where the zeros begin that end a file.
func written(data []byte) int { return len(bytes.TrimRight(data, "\x00")) }

func (d *Damage) Name() string { return d.what + " in " + d.Path }

func (d *Damage) Missing() error { return nil }

func (d *Damage) Begin() error {
	data, err := os.ReadFile(d.Path)
	if err != nil {
		return err
	}
	if written(data) < 2 {
		return fmt.Errorf("%s holds nothing to damage", d.Path)
	}
	d.before = bytes.Clone(data)
	d.after = d.change(d.random, data)
	return os.WriteFile(d.Path, d.after, 0o600)
}

// End leaves the damage: nobody repairs a file.
func (d *Damage) End() error { return nil }

// Undo puts the file back as it was.
func (d *Damage) Undo() error { return os.WriteFile(d.Path, d.before, 0o600) }

// TookEffect is nil if the file became another one.
func (d *Damage) TookEffect() error {
	if d.before == nil || bytes.Equal(d.before, d.after) {
		return fmt.Errorf("%s holds what it held", d.Path)
	}
	return nil
}

// Offset is where the file differs first.
func (d *Damage) Offset() int {
	for i := range min(len(d.before), len(d.after)) {
		if d.before[i] != d.after[i] {
			return i
		}
	}
	return min(len(d.before), len(d.after))
}
