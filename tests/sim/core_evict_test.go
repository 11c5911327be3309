package sim

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/anishathalye/porcupine"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard/executor"
)

// coreEviction is the part of a world in which memory is short. Under a volatile policy only keys with an expiry may
// go, so the lists, the counter and the register keep their promises: writes to them may be refused, and what was
// acknowledged stays. Cached keys have an expiry far away and may vanish at any moment, for good.
//
// It draws from numbers of its own, so that worlds without it are what they were.
type coreEviction struct {
	on bool
	// tight tells that the budget was small at some time: otherwise no cached key may vanish.
	tight bool
	r     *rand.Rand
	rules executor.Eviction
	// number is the state of the executors' random numbers, which readers draw too.
	number atomic.Uint64
}

const (
	coreCachedKeys  = 8
	coreCachedBytes = 150
	// coreLooseBytes is never used up.
	coreLooseBytes = 1 << 30
)

func coreCached(key int) string { return "{cached" + strconv.Itoa(key) + "}" }

// newCoreEviction makes memory short in two of five random worlds; in another one it could be, and never is.
func newCoreEviction(seed uint64, directed bool) *coreEviction {
	e := &coreEviction{on: seed%5 < 3 && !directed, r: rand.New(rand.NewPCG(seed, 11))}
	policies := []executor.EvictionPolicy{executor.VolatileLRU, executor.VolatileLFU, executor.VolatileRandom, executor.VolatileTTL}
	e.rules = executor.Eviction{Policy: policies[e.r.IntN(len(policies))], BudgetBytes: coreLooseBytes, LFULogFactor: 10, LFUDecayMinutes: 1}
	if e.on && seed%5 < 2 {
		e.rules.BudgetBytes = e.budget()
		e.tight = true
	}
	return e
}

func (e *coreEviction) budget() int64 { return int64(250 + e.r.IntN(900)) }

func (e *coreEviction) random() uint64 {
	x := e.number.Add(0x9e3779b97f4a7c15) // splitmix64
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// act changes the budget now and then.
func (e *coreEviction) act(w *coreWorld) {
	if e.tight && e.r.IntN(400) == 0 {
		e.rules.BudgetBytes = e.budget()
		e.set(w)
	}
}

func (e *coreEviction) set(w *coreWorld) {
	for _, n := range w.nodes {
		n.exec.SetEviction(e.rules)
	}
}

// draw makes some of a client's ops ones on cached keys.
func (e *coreEviction) draw(o *coreOp) {
	if e.on && e.r.IntN(3) == 0 {
		o.kind = []coreKind{coreCacheSet, coreCacheSet, coreCacheGet, coreCacheNX}[e.r.IntN(4)]
		o.key, o.async = e.r.IntN(coreCachedKeys), false
	}
}

// write gives a cached key a value of its own.
func (e *coreEviction) write(o *coreOp, tx *executor.Tx) {
	o.value = strconv.Itoa(int(o.id))
	value := o.value + strings.Repeat(".", coreCachedBytes-len(o.value))
	o.version = tx.Set([]byte(coreCached(o.key)), []byte(value), entry.TypeString, tx.Now()+1e9+int64(o.id))
}

func coreCachedValue(value []byte) string { return strings.TrimRight(string(value), ".") }

// checkCached: each cached key is a register that may become empty at any moment, and only where memory was short.
func (w *coreWorld) checkCached() {
	e := w.evict
	for _, n := range w.nodes {
		w.stat.evicted += int(n.exec.Stats().Evicted)
	}
	if !e.tight && w.stat.evicted > 0 {
		w.fail("%d keys were evicted although there was room", w.stat.evicted)
	}
	for key := range coreCachedKeys {
		history := w.registerHistory(func(o *coreOp) bool { return o.kind >= coreCacheSet && o.key == key }, coreCacheSet, coreCacheSet)
		model := porcupine.Model{
			Init: func() any { return "" },
			Step: func(state, input, output any) (bool, any) {
				if c := input.(coreCall); c.write {
					return true, c.value
				}
				if e.tight && output == "" {
					return true, ""
				}
				return state == output, state
			},
		}
		if got := porcupine.CheckOperationsTimeout(model, history, 0); got != porcupine.Ok {
			w.fail("cached key %d is not a register that may become empty (%v): %+v", key, got, history)
		}
	}
	for _, o := range w.ops {
		if o.request != nil && o.request.Err != nil && o.request.Err.Kind == apierr.KindOutOfMemory {
			w.stat.refusedOOM++
		}
	}
}
