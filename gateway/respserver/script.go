package respserver

import (
	"github.com/holtcache/holt/gateway/resp"
)

// replyNotBusy answers SCRIPT KILL: a script ends by itself before anybody could want to kill it.
var replyNotBusy = resp.Err("NOTBUSY No scripts in execution right now.")

// scriptLoad compiles a script and remembers it on this node.
func (c *conn) scriptLoad(args [][]byte) resp.Value {
	s, err := c.server.cfg.Table.Scripts().Load(args[2])
	if err != nil {
		return errorReply(err)
	}
	return resp.BulkString(s.SHA)
}

func (c *conn) scriptExists(args [][]byte) resp.Value {
	known := make([]resp.Value, 0, len(args)-2)
	for _, sha := range args[2:] {
		n := int64(0)
		if _, ok := c.server.cfg.Table.Scripts().Find(sha); ok {
			n = 1
		}
		known = append(known, resp.Int(n))
	}
	return resp.Array(known...)
}

func (c *conn) scriptKill([][]byte) resp.Value { return replyNotBusy }
