package command

import (
	"fmt"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/ops/opstest"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// memTx is a shard as a server uses it that holds all keys.
type memTx struct{ *opstest.Shard }

var _ ops.Tx = memTx{}

func newMemTx(now func() int64) memTx { return memTx{opstest.New(now)} }

// run answers one command, checking what Parse and its calls promise.
func (m memTx) run(t *Table, args ...string) (resp.Value, error) {
	raw := make([][]byte, len(args))
	for i, arg := range args {
		raw[i] = []byte(arg)
	}
	spec, err := t.Lookup(raw)
	if err != nil {
		return errorReply(err)
	}
	if spec.Parse == nil {
		if spec.Name == "command" || spec.Parent == "command" {
			return t.CommandReply(raw), nil
		}
		return resp.Value{}, fmt.Errorf("%s has no Parse", spec.Name)
	}
	before := len(m.Journal)
	call, err := spec.Parse(raw)
	if len(m.Journal) != before {
		return resp.Value{}, fmt.Errorf("parsing %q changed data", args)
	}
	if err != nil {
		return errorReply(err)
	}
	if got, want := fmt.Sprintf("%q", call.Keys), fmt.Sprintf("%q", spec.Keys(raw)); got != want {
		return resp.Value{}, fmt.Errorf("%q: keys of the call %s, of the table %s", args, got, want)
	}
	if (call.Read == nil) == (call.Write == nil) || (call.Write != nil) != spec.Flag(Write) {
		return resp.Value{}, fmt.Errorf("%q: one of Read and Write must be set, as the flags say", args)
	}
	m.Spoil()
	var reply resp.Value
	if call.Read != nil {
		reply = call.Read(m)
	} else {
		reply = call.Write(m)
	}
	m.Spoil()
	if len(m.Journal) != before && (reply.IsError() || call.Read != nil) {
		return resp.Value{}, fmt.Errorf("%q: reply %q, yet data has changed", args, reply.Str)
	}
	return reply, nil
}

func errorReply(err error) (resp.Value, error) {
	if e, ok := err.(*apierr.Error); ok {
		return resp.Err(e.RESP()), nil
	}
	return resp.Value{}, fmt.Errorf("error is a %T, not an *apierr.Error: %w", err, err)
}
