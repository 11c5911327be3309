package respserver

import (
	"testing"

	"github.com/holtcache/holt/gateway/resp"
)

func TestRepliesOfOtherNodesAreJoined(t *testing.T) {
	raw := func(s string) resp.Value { return resp.Raw([]byte(s)) }
	show := func(v resp.Value) string { return string(v.Append(nil, 2)) }
	for what, c := range map[string]struct {
		got  resp.Value
		want string
	}{
		"sum":            {joinSum([]resp.Value{raw(":2\r\n"), resp.Int(3), raw(":0\r\n")}, nil), ":5\r\n"},
		"sum of a text":  {joinSum([]resp.Value{raw("+OK\r\n")}, nil), show(errJoin)},
		"values":         {joinValues([]resp.Value{raw("*2\r\n$1\r\na\r\n$-1\r\n"), resp.Array(resp.BulkString("b"))}, [][]int{{2, 0}, {1}}), "*3\r\n$-1\r\n$1\r\nb\r\n$1\r\na\r\n"},
		"too few values": {joinValues([]resp.Value{raw("*1\r\n$1\r\na\r\n")}, [][]int{{0, 1}}), show(errJoin)},
		"error":          {fromElsewhere([]byte("-ERR no\r\n")), "-ERR no\r\n"},
	} {
		if got := show(c.got); got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
	if v := fromElsewhere([]byte("-WRONGTYPE x\r\n")); !v.IsError() || string(v.Str) != "WRONGTYPE x" {
		t.Errorf("an error reads as %+v", v)
	}
}

func TestRoutingIsTheClientsChoiceWhereThereIsOne(t *testing.T) {
	c := start(t, fixtureConfig{shards: 1}).dial()
	c.want("CLIENT ROUTING CLUSTER", "+OK", "CLIENT ROUTING SOMEHOW", "-ERR syntax error")
	c.want("CLIENT ROUTING PROXY", "-ERR this server redirects clients; use a client for clusters, or connect to one that is started with --resp-mode proxy")
}
