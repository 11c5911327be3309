package respserver

import (
	"math"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

var (
	errReplicaRange = apierr.New(apierr.KindInvalid, "value is out of range, must be positive")
	errNotSynced    = apierr.New(apierr.KindUnsupported, "WAITAOF needs appendfsync always: otherwise nobody can tell what is on disk; WAIT tells what is in the logs")
)

// syncAlways is the policy under which a log that holds a write has it on disk, too.
const syncAlways = "always"

// waitSynced is WAITAOF numlocal numreplicas timeout: on how many disks the last writes of the connection are, of this node and
// of others, on the shard where they are fewest.
func (c *conn) waitSynced(args [][]byte) resp.Value {
	local, err := command.ParseIntIn(args[1], 0, 1)
	if err != nil {
		return errorReply(err)
	}
	replicas, err := ops.ParseInt(args[2])
	if err != nil {
		return errorReply(err)
	}
	if replicas < 0 || replicas > math.MaxInt32 {
		return errorReply(errReplicaRange)
	}
	timeout, refused := parseTimeout(args[3])
	if refused != nil {
		return errorReply(refused)
	}
	if c.server.appendFsync() != syncAlways {
		return errorReply(errNotSynced)
	}
	return c.awaitAcknowledged(timeout, func() (resp.Value, bool) {
		here, there, err := c.syncedOn()
		if err != nil {
			return errorReply(err), true
		}
		return resp.Array(resp.Int(here), resp.Int(there)), here >= local && there >= replicas
	})
}

// syncedOn is 1 where the last writes of the connection are on the disks of their leaders, which acknowledged them from their logs, and
// on how many disks of others they are. Where one leads no more nobody can tell.
func (c *conn) syncedOn() (here, there int64, _ *apierr.Error) {
	here, there = 1, math.MaxInt64
	for _, w := range c.lastWrites() {
		held, policy, known := c.holding(w)
		switch {
		case known && policy != syncAlways:
			return 0, 0, errNotSynced
		case !known && len(c.written) > 0:
			here = 0
		}
		there = min(there, int64(held))
	}
	if there == math.MaxInt64 {
		there = 0
	}
	return here, there, nil
}
