package respserver

import "github.com/holtcache/holt/gateway/resp"

var invalidateWord = resp.BulkString("invalidate")

// appendInvalidation writes the message that a key changed; RESP3 only.
func appendInvalidation(dst, key []byte) []byte {
	message := [2]resp.Value{invalidateWord, {Kind: resp.KindArray, Elems: []resp.Value{resp.Bulk(key)}}}
	return resp.Value{Kind: resp.KindPush, Elems: message[:]}.Append(dst, 3)
}

// pushAll is the message that everything may have changed.
var pushAll = resp.Push(invalidateWord, resp.Null()).Append(nil, 3)
