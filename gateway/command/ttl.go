package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

func ttlSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "ttl", Arity: 2, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output"},
			Summary:  "Get the time to live for a key in seconds",
			Since:    "1.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, ttl(ops.TTL, 1000)),
		},
		{
			Name: "pttl", Arity: 2, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Tips:     []string{"nondeterministic_output"},
			Summary:  "Get the time to live for a key in milliseconds",
			Since:    "2.6.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, ttl(ops.TTL, 1)),
		},
		{
			Name: "expiretime", Arity: 2, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get the expiration Unix timestamp for a key",
			Since:    "7.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, ttl(ops.ExpireTime, 1000)),
		},
		{
			Name: "pexpiretime", Arity: 2, Flags: ReadOnly | Fast, Categories: CatKeyspace,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get the expiration Unix timestamp for a key in milliseconds",
			Since:    "7.0.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, ttl(ops.ExpireTime, 1)),
		},
	}
}

// ttl makes the answer of TTL and its relatives, which is in units of so many milliseconds.
func ttl(of func(ops.Reader, []byte) int64, unitMilliseconds int64) func(ops.Reader, []byte) (resp.Value, error) {
	return func(r ops.Reader, key []byte) (resp.Value, error) {
		ms := of(r, key)
		if ms < 0 {
			return resp.Int(ms), nil
		}
		return resp.Int(roundTo(ms, unitMilliseconds)), nil
	}
}

// roundTo divides by a unit, half a unit counting as a whole one.
func roundTo(n, unit int64) int64 { return n/unit + (n%unit+unit/2)/unit }
