package respserver

import (
	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
)

var invalidateWord = resp.BulkString("invalidate")

// invalidateChannel is the channel whose messages are invalidations, in RESP2.
var invalidateChannel = resp.BulkString("__redis__:invalidate")

// appendInvalidation writes the message that a key changed.
func appendInvalidation(dst, key []byte, proto int) []byte {
	keys := resp.Value{Kind: resp.KindArray, Elems: []resp.Value{resp.Bulk(key)}}
	if proto < 3 {
		return resp.Push(messageWords[pubsub.Channel], invalidateChannel, keys).Append(dst, proto)
	}
	message := [2]resp.Value{invalidateWord, keys}
	return resp.Value{Kind: resp.KindPush, Elems: message[:]}.Append(dst, 3)
}

// pushAll is the message that everything may have changed, pushAllMessage that of RESP2.
var (
	pushAll        = resp.Push(invalidateWord, resp.Null()).Append(nil, 3)
	pushAllMessage = resp.Push(messageWords[pubsub.Channel], invalidateChannel, resp.Null()).Append(nil, 2)
)
