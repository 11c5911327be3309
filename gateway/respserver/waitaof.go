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
	if policy := c.server.facts().AppendFsync; policy != syncAlways && policy != "" {
		return errorReply(errNotSynced)
	}
	if c.proxied {
		return errProxied("WAITAOF", "writes are on the disks of a majority before they are acknowledged unless CLIENT DURABILITY says otherwise")
	}
	return c.awaitAcknowledged(timeout, func() (resp.Value, bool) {
		here, there := int64(c.syncedHere()), int64(c.replicasHolding())
		return resp.Array(resp.Int(here), resp.Int(there)), here >= local && there >= replicas
	})
}

// syncedHere is 1 where the last writes of the connection are on the disk of this node: it leads their shards, and acknowledged
// them from its log. Where it leads one no more it cannot tell.
func (c *conn) syncedHere() int {
	for _, w := range c.written {
		if _, leads := c.leading(w.shard); !leads {
			return 0
		}
	}
	return 1
}
