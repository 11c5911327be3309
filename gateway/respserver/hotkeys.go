package respserver

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

const (
	// hotSampleEvery: of so many commands on keys one is looked at, on average. The distance is random, or a client that does the
	// same things in turn would always be met at the same one.
	hotSampleEvery = 64
	// hotKeysMax is how many keys are counted at a time. A key that takes a hundredth of all commands is always among them
	// (Metwally et al., "Efficient Computation of Frequent and Top-k Elements in Data Streams").
	hotKeysMax = 128
	// hotKeyBytesMax is up to which length keys are counted.
	hotKeyBytesMax = 512
	// hotHalfLife is after how long what was counted weighs half as much.
	hotHalfLife = 15 * time.Second
)

// HotKey is a key that many commands name.
type HotKey struct {
	Key string
	// Rate is about how many commands a second do, Error by how many that may be too high.
	Rate, Error float64
}

// hotKeys counts the keys of sampled commands: space-saving with counts that fade.
type hotKeys struct {
	mu     sync.Mutex // protects the fields below
	counts map[string]*hotCount
	// faded is when the counts were halved last; weight is what a key that comes once a second would have by then, since begun.
	faded  time.Time
	weight float64
}

type hotCount struct {
	count, error float64
}

// sample looks at one in some commands of the connection.
func (c *conn) sample(keys [][]byte) {
	if c.unsampled > 0 {
		c.unsampled--
		return
	}
	c.unsampled = rand.IntN(2*hotSampleEvery - 1)
	for _, key := range keys[:min(len(keys), hotKeysPerCommand)] {
		c.server.hot.add(key, c.arrived)
	}
}

// hotKeysPerCommand is how many keys of one command are counted: of those that name many none is hot because of one.
const hotKeysPerCommand = 8

func (h *hotKeys) add(key []byte, now time.Time) {
	if len(key) > hotKeyBytesMax {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fadeLocked(now)
	if known := h.counts[string(key)]; known != nil {
		known.count++
		return
	}
	if len(h.counts) < hotKeysMax {
		h.counts[string(key)] = &hotCount{count: 1}
		return
	}
	// The one that has the least makes room, and the new one may have come as often as that before.
	var least string
	for k, n := range h.counts {
		if l := h.counts[least]; l == nil || n.count < l.count || n.count == l.count && k < least {
			least = k
		}
	}
	n := h.counts[least]
	delete(h.counts, least)
	h.counts[string(key)] = &hotCount{count: n.count + 1, error: n.count}
}

// fadeLocked halves the counts as often as the half-life has passed.
func (h *hotKeys) fadeLocked(now time.Time) {
	if h.counts == nil {
		h.counts, h.faded = map[string]*hotCount{}, now
	}
	for ; now.Sub(h.faded) >= hotHalfLife; h.faded = h.faded.Add(hotHalfLife) {
		h.weight = (h.weight + hotHalfLife.Seconds()) / 2
		for key, n := range h.counts {
			n.count, n.error = n.count/2, n.error/2
			if n.count < hotCountMin {
				delete(h.counts, key)
			}
		}
		if len(h.counts) == 0 {
			h.faded, h.weight = now, 0
			return
		}
	}
}

// hotSamplesMin is how many samples of a key there have to be for sure before it is shown: where all keys are used alike, none
// is hot.
const hotSamplesMin = 4

// hotCountMin is what a key is forgotten under.
const hotCountMin = 0.1

func (h *hotKeys) top(count int, now time.Time) []HotKey {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fadeLocked(now)
	seconds := max(h.weight+now.Sub(h.faded).Seconds(), 1)
	var keys []HotKey
	for key, n := range h.counts {
		if n.count-n.error < hotSamplesMin {
			continue // it may be here only because it came last
		}
		keys = append(keys, HotKey{Key: key, Rate: n.count * hotSampleEvery / seconds, Error: n.error * hotSampleEvery / seconds})
	}
	slices.SortFunc(keys, func(a, b HotKey) int { return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Key, b.Key)) })
	return keys[:min(len(keys), count)]
}

// HotKeys are the keys that commands name most, the hottest first, by a sample. Those of transactions are not seen.
func (s *Server) HotKeys(count int) []HotKey { return s.hot.top(count, time.Now()) }
