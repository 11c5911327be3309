package pace

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// kind is what a request does.
type kind uint8

const (
	kindGet kind = iota + 1
	kindSet
	kindExpiring
	kindIncr
	kindAppend
)

var kinds = []struct {
	name string
	// share of a hundred requests.
	share int
	keys  int // of each slot
}{
	kindGet:      {"GET", 50, 0}, // of the keys of all others
	kindSet:      {"SET", 20, 32},
	kindExpiring: {"SET PX", 10, 32},
	kindIncr:     {"INCR", 10, 4},
	kindAppend:   {"APPEND", 10, 8},
}

func (k kind) String() string { return kinds[k].name }

func drawKind(random *rand.Rand) kind {
	for n, k := random.IntN(100), kindGet; ; k++ {
		if n -= kinds[k].share; n < 0 {
			return k
		}
	}
}

// ttl is that of the keys that expire.
const ttl = time.Second

// do sends the n-th request. The reply is the number that INCR and APPEND answer.
func (k kind) do(ctx context.Context, c client, key string, n int) (reply int64, err error) {
	switch k {
	case kindGet:
		_, _, err = c.get(ctx, key)
	case kindSet:
		err = c.set(ctx, key, valueOf(n), 0)
	case kindExpiring:
		err = c.set(ctx, key, valueOf(n), ttl)
	case kindIncr:
		return c.incr(ctx, key)
	case kindAppend:
		return c.append(ctx, key, strconv.Itoa(n)+separator)
	}
	return 0, err
}

// separator ends each number in an appended text.
const separator = ","

// valueOf is the value of 64 bytes that the n-th request writes.
func valueOf(n int) string { return fmt.Sprintf("%-64d", n) }
