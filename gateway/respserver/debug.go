package respserver

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

var (
	errDebugOff   = apierr.New(apierr.KindInvalid, "DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.")
	errDebugSleep = apierr.New(apierr.KindInvalid, "value is not a valid float")
)

// debugHelp is what DEBUG HELP answers.
var debugHelp = []string{
	"DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
	"OBJECT <key>", "    Show what is known of a key and its value.",
	"SET-ACTIVE-EXPIRE <0|1>", "    Switch the deletion of expired keys that nobody reads, on this node until it ends.",
	"SLEEP <seconds>", "    Hold this connection for so long. Decimals allowed.",
	"HELP", "    Print this help.",
}

// debug is DEBUG, for test suites. Redis' other subcommands change what a cluster must not lose, or look into the structures of
// Redis.
func (c *conn) debug(args [][]byte) resp.Value {
	switch {
	case !c.server.cfg.EnableDebug:
		return errorReply(errDebugOff)
	case word(args[1], "HELP") && len(args) == 2:
		lines := make([]resp.Value, len(debugHelp))
		for i, line := range debugHelp {
			lines[i] = resp.Simple(line)
		}
		return resp.Array(lines...)
	case word(args[1], "SLEEP") && len(args) == 3:
		return c.debugSleep(args[2])
	case word(args[1], "OBJECT") && len(args) == 3:
		return c.debugObject(args[2])
	case word(args[1], "SET-ACTIVE-EXPIRE") && len(args) == 3 && c.server.cfg.SetActiveExpiry != nil:
		c.server.cfg.SetActiveExpiry(string(args[2]) != "0")
		return resp.OK()
	}
	return subcommandSyntax(args)
}

// debugSleepMax bounds DEBUG SLEEP, which holds one connection and nobody else: a test that wants more wants to stop the
// process.
const debugSleepMax = time.Hour

func (c *conn) debugSleep(arg []byte) resp.Value {
	seconds, err := strconv.ParseFloat(string(arg), 64)
	if err != nil || math.IsNaN(seconds) || seconds < 0 {
		return errorReply(errDebugSleep)
	}
	if !c.out.flush() {
		c.closing = true
		return resp.OK()
	}
	timer := time.NewTimer(time.Duration(min(seconds, debugSleepMax.Seconds()) * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.server.stop:
		c.closing = true
	}
	c.arrived = time.Now()
	return resp.OK()
}

// debugObject is DEBUG OBJECT key, in the form of Redis. Where Redis tells an address it tells the version.
func (c *conn) debugObject(key []byte) (reply resp.Value) {
	refused := c.readLeader(slot.Of(key), func(r ops.Reader, _ slot.ShardID) {
		item, ok := r.Peek(key)
		if !ok {
			reply = errorReply(ops.ErrNoKey)
			return
		}
		usage, _ := r.Usage(key)
		encoding, _, err := ops.Encoding(r, key)
		if err != nil {
			encoding = "raw"
		}
		reply = resp.Simple(fmt.Sprintf("Value at:%d refcount:1 encoding:%s serializedlength:%d lru:0 lru_seconds_idle:%d type:%s",
			item.Version, encoding, len(item.Value), int64(usage.Idle/time.Second), item.Type))
	})
	if refused != nil {
		return errorReply(refused)
	}
	return reply
}
