package command

import (
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

func objectSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "object", Arity: -2,
			Summary: "A container for object introspection commands",
			Since:   "2.2.3", Complexity: "Depends on subcommand.",
			Subcommands: []*Spec{
				{
					Name: "encoding", Arity: 3, Flags: ReadOnly, Categories: CatKeyspace,
					KeySpecs: []KeySpec{{Flags: KeyRO, First: 2, Step: 1}},
					Tips:     []string{"nondeterministic_output"},
					Summary:  "Name the encoding that Redis would give the value",
					Since:    "2.2.3", Complexity: "O(1)",
					Arguments: []Arg{key()},
					Parse:     p.readOf(2, objectEncoding),
				},
				{
					Name: "freq", Arity: 3, Flags: ReadOnly, Categories: CatKeyspace,
					KeySpecs: []KeySpec{{Flags: KeyRO, First: 2, Step: 1}},
					Tips:     []string{"nondeterministic_output"},
					Summary:  "Get the logarithmic access frequency counter of a Redis object",
					Since:    "4.0.0", Complexity: "O(1)",
					Arguments: []Arg{key()},
					Parse:     p.readOf(2, objectFreq),
				},
				{
					Name: "idletime", Arity: 3, Flags: ReadOnly, Categories: CatKeyspace,
					KeySpecs: []KeySpec{{Flags: KeyRO, First: 2, Step: 1}},
					Tips:     []string{"nondeterministic_output"},
					Summary:  "Get the time since a Redis object was last accessed",
					Since:    "2.2.3", Complexity: "O(1)",
					Arguments: []Arg{key()},
					Parse:     p.readOf(2, objectIdleTime),
				},
				{
					Name: "refcount", Arity: 3, Flags: ReadOnly, Categories: CatKeyspace,
					KeySpecs: []KeySpec{{Flags: KeyRO, First: 2, Step: 1}},
					Tips:     []string{"nondeterministic_output"},
					Summary:  "Get the number of references to the value, which is 1",
					Since:    "2.2.3", Complexity: "O(1)",
					Arguments: []Arg{key()},
					Parse:     p.readOf(2, objectRefCount),
				},
				{
					Name: "help", Arity: 2, Flags: Loading | Stale, Categories: CatKeyspace,
					Summary: "Show helpful text about the different subcommands",
					Since:   "6.2.0", Complexity: "O(1)",
				},
			},
		},
	}
}

func objectEncoding(r ops.Reader, key []byte) (resp.Value, error) {
	encoding, ok, err := ops.Encoding(r, key)
	return bulkOrNull([]byte(encoding), ok), err
}

func objectRefCount(r ops.Reader, key []byte) (resp.Value, error) {
	if ops.Exists(r, key) == 0 {
		return resp.Null(), nil
	}
	return resp.Int(1), nil
}

// The errors of a look at what the eviction policy does not keep (Redis, object.c, objectCommand).
var (
	errNoFreq = apierr.New(apierr.KindInvalid, "An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
	errNoIdle = apierr.New(apierr.KindInvalid, "An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.")
)

func objectFreq(r ops.Reader, key []byte) (resp.Value, error) {
	usage, ok := r.Usage(key)
	switch {
	case !ok:
		return resp.Null(), nil
	case !usage.Frequency:
		return resp.Value{}, errNoFreq
	}
	return resp.Int(int64(usage.Freq)), nil
}

func objectIdleTime(r ops.Reader, key []byte) (resp.Value, error) {
	usage, ok := r.Usage(key)
	switch {
	case !ok:
		return resp.Null(), nil
	case usage.Frequency:
		return resp.Value{}, errNoIdle
	}
	return resp.Int(int64(usage.Idle / time.Second)), nil
}
