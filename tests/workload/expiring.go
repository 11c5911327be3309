package workload

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// readAgainMax is how many of the latest keys are read again and again, which is for some seconds each: longer than the
// longest TTL.
const readAgainMax = 100

// Expiring is a lane of keys that are written once each, with a TTL from 50 ms to 3 s, and read until long after it.
func Expiring(key func(i int) string) *Lane {
	e := &expiring{key: key}
	return &Lane{key: key, pick: e.pick}
}

type expiring struct {
	key func(i int) string

	mu     sync.Mutex // protects the fields below
	count  int
	latest []string
}

func (e *expiring) pick(random *rand.Rand, _ string, client, i int) model.Op {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.latest) > 0 && random.IntN(25) > 0 {
		return model.Op{Kind: model.Get, Key: e.latest[random.IntN(len(e.latest))]}
	}
	key := e.key(e.count)
	e.count++
	e.latest = append(e.latest, key)
	if len(e.latest) > readAgainMax {
		e.latest = e.latest[1:]
	}
	ttl := time.Duration(50+random.IntN(2950)) * time.Millisecond
	return model.Op{Kind: model.Set, Key: key, Arg: fmt.Sprintf("c%d-%d", client, i), TTL: ttl}
}
