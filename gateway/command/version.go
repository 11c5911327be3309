package command

import (
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
)

// versionSpecs are about the version of a key: a number that grows with every change of it, and goes on growing where the key is
// deleted and set anew, its slot moves, or its shard gets another leader. So it can be used as a fencing token.
func versionSpecs(p parser) []*Spec {
	return []*Spec{
		{
			Name: "getver", Arity: 2, Flags: ReadOnly | Fast, Categories: CatString,
			KeySpecs: oneKey(KeyRO | KeyAccess),
			Summary:  "Get the value of a key together with its version",
			Since:    "0.1.0", Complexity: "O(1)",
			Arguments: []Arg{key()},
			Parse:     p.readOf(1, getVersion),
		},
	}
}

// getVersion answers with value and version; those of a missing key are null and 0, which IFVER takes.
func getVersion(r ops.Reader, key []byte) (resp.Value, error) {
	item, ok, err := ops.Get(r, key)
	return resp.Array(bulkOrNull(item.Value, ok), resp.Int(int64(item.Version))), err
}
