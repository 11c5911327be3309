package hitratio

import (
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
)

// Trace is a sequence of keys by number.
type Trace struct {
	Name string
	Keys []uint32
}

const (
	// zipfExponent is YCSB's: the k-th most popular key is asked for 1/k^0.99 as often as the first.
	zipfExponent = 0.99
	// Of each scanEvery requests of a polluted trace the last scanLength ask, one after another, for keys that nobody
	// asks for otherwise, and that come again only after scanKeys others.
	scanEvery  = 10_000
	scanLength = 2_500
	scanKeys   = 1_000_000
)

// Zipf asks for keys of a universe by Zipf's law.
func Zipf(seed uint64, universe, requests int) Trace {
	draw := newZipf(seed, universe)
	keys := make([]uint32, requests)
	for i := range keys {
		keys[i] = draw.next()
	}
	return Trace{"zipf", keys}
}

// ScanPolluted is Zipf with scans in between.
func ScanPolluted(seed uint64, universe, requests int) Trace {
	draw := newZipf(seed, universe)
	keys := make([]uint32, requests)
	scan := 0
	for i := range keys {
		if i%scanEvery >= scanEvery-scanLength {
			keys[i] = uint32(universe + scan%scanKeys)
			scan++
		} else {
			keys[i] = draw.next()
		}
	}
	return Trace{"zipf and scans", keys}
}

type zipf struct {
	random *rand.Rand
	upTo   []float64 // how often one of the keys up to this one is asked for
	shown  []uint32  // which number a key has: neighbours in popularity are no neighbours otherwise
}

func newZipf(seed uint64, universe int) *zipf {
	z := &zipf{random: rand.New(rand.NewPCG(seed, 1)), upTo: make([]float64, universe), shown: make([]uint32, universe)}
	sum := 0.0
	for i := range z.upTo {
		sum += 1 / math.Pow(float64(i+1), zipfExponent)
		z.upTo[i] = sum
	}
	for i, n := range z.random.Perm(universe) {
		z.shown[i] = uint32(n)
	}
	return z
}

func (z *zipf) next() uint32 {
	return z.shown[sort.SearchFloat64s(z.upTo, z.random.Float64()*z.upTo[len(z.upTo)-1])]
}

// appendKey appends a key of 16 bytes.
func appendKey(dst []byte, n uint32) []byte {
	dst = append(dst, "key:"...)
	for p := uint32(1_000_000_000); p > n && p > 1; p /= 10 {
		dst = append(dst, '0')
	}
	return append(strconv.AppendUint(dst, uint64(n), 10), ":x"...)
}

// ttlSeconds is the time to live of a key under a volatile policy: 10 to 20 minutes, so that none expires.
func ttlSeconds(n uint32) int { return 600 + int(n*2654435761%600) }
