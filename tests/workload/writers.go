package workload

import (
	"fmt"
	"math/rand/v2"

	"github.com/holtcache/holt/tests/model"
)

// Writers is a lane of keys that are written once each, with a unique value: what was acknowledged can be looked for
// afterwards, however long the history is.
func Writers(key func(i int) string) *Lane {
	return &Lane{key: key, once: true, pick: func(_ *rand.Rand, key string, client, i int) model.Op {
		return model.Op{Kind: model.Set, Arg: fmt.Sprintf("%s-c%d-%d", key, client, i)}
	}}
}

// Appenders is one key to which all clients of the lane append unique ids, and which they read.
func Appenders(key string) *Lane {
	return &Lane{key: func(int) string { return key }, pick: func(random *rand.Rand, _ string, client, i int) model.Op {
		if random.IntN(3) == 0 {
			return model.Op{Kind: model.Get}
		}
		return model.Op{Kind: model.Append, Arg: fmt.Sprintf("c%d-%d,", client, i)}
	}}
}
