package respserver

import (
	"sync/atomic"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// handler answers a command that is not about keys.
type handler func(c *conn, args [][]byte) resp.Value

// row is what the server adds to a row of the command table.
type row struct {
	spec    *command.Spec
	handler handler
	// inRound: the command is answered without waiting for the ops of the round before it.
	inRound bool
	// atOnce: the command is not queued by MULTI.
	atOnce bool
	// whileLoading: the command is answered while the node loads its data.
	whileLoading bool
	// ofCluster: it is so too once the node knows the cluster.
	ofCluster bool

	// transaction: the slow log shows the commands of the transaction in its stead.
	transaction bool
	// calls counts commands that have begun, ended those that were run, rejected those that were not.
	calls    atomic.Uint64
	ended    counted
	rejected atomic.Uint64
}

// newRows gives every command of the table its handler.
func newRows(table *command.Table) map[*command.Spec]*row {
	rows := map[*command.Spec]*row{}
	handlers := allHandlers()
	var add func(specs []*command.Spec)
	add = func(specs []*command.Spec) {
		for _, spec := range specs {
			r := &row{
				spec: spec, handler: handlers[spec.Name], inRound: answeredInRound[spec.Name], atOnce: notQueued[spec.Name],
				whileLoading: spec.Flag(command.Loading), ofCluster: ofCluster[spec.Name],
				transaction: spec.Name == "exec",
			}
			if r.handler == nil {
				r.handler = unsupported
			}
			if isAudited(spec) {
				r.handler = audited(r.handler)
			}
			rows[spec] = r
			add(spec.Subcommands)
		}
	}
	add(table.All())
	return rows
}

// answeredInRound names the commands whose answer depends on no op of the round, and changes how none is answered.
var answeredInRound = map[string]bool{
	"ping": true, "echo": true, "time": true, "multi": true, "exec": true, "discard": true, "asking": true,
	"client|caching": true,
}

// notQueued names the commands that MULTI does not queue (Redis, server.c, processCommand).
var notQueued = map[string]bool{
	"multi": true, "exec": true, "discard": true, "watch": true, "quit": true, "reset": true,
}

// ofCluster names the commands that tell what is known of the cluster, which does not wait for this node's data. As long as
// nothing is known they are answered with LOADING too: clients believe an empty map.
var ofCluster = map[string]bool{
	"cluster|slots": true, "cluster|shards": true, "cluster|nodes": true, "cluster|info": true, "cluster|myid": true,
	"cluster|myshardid": true, "cluster|keyslot": true, "cluster|links": true, "cluster|replicas": true, "cluster|slaves": true,
}

// errLoading begins with the words that clients of Redis look for, its prefix included.
var errLoading = apierr.New(apierr.KindLoading, "Holt is loading the dataset in memory")

var errSyntax = apierr.New(apierr.KindInvalid, "syntax error")

func unsupported(*conn, [][]byte) resp.Value {
	return errorReply(apierr.New(apierr.KindUnsupported, "this command is in the table and not answered by the RESP server; report this"))
}

// command runs one command and takes note of what lasts for one command only.
func (c *conn) command(args [][]byte) {
	c.args = args
	c.takeAsking()
	c.dispatch(args)
	c.endAsking()
	for _, f := range c.flights {
		if len(f.ops) >= remoteOpsMax && f.remote() {
			c.settle()
			return
		}
	}
}

// dispatch runs one command, or queues it, and answers it unless the round does later.
func (c *conn) dispatch(args [][]byte) {
	c.silent = c.replyMode == replyOff || c.replyMode == replySkip
	if c.replyMode == replySkip {
		c.replyMode = replyOn
	}
	c.row = nil
	spec, err := c.server.cfg.Table.Lookup(args)
	if err != nil {
		if len(args) > 0 && word(args[0], "EXEC") {
			c.endMulti()
			c.watch = watchList{}
			err = apierr.New(apierr.KindExecAbort, "Transaction discarded because of: %s", apierr.Of(err).Message)
		}
		c.refuse(errorReply(err))
		return
	}
	r := c.server.rows[spec]
	c.row = r
	if err := c.allowed(spec, args); err != nil {
		c.refuse(errorReply(err))
		return
	}
	r.calls.Add(1)
	c.lastSpec.Store(spec)
	if !r.whileLoading && c.server.cfg.Loading != nil && c.server.cfg.Loading() && !(r.ofCluster && c.server.cfg.Router.View().Map.Complete()) {
		c.refuse(errorReply(c.whileLoading(spec, args)))
		return
	}
	if c.multi != nil && !r.atOnce {
		c.queue(r, args)
		return
	}
	if p := c.server.pauses.current.Load(); p != nil {
		if c.awaitPause(p, r); c.closing {
			return
		}
	}
	if spec.Parse != nil {
		c.data(spec, args)
	} else {
		c.other(r, args)
	}
	if c.multi == nil && spec.Name != "client|caching" {
		c.track.caching = cachingNotSet
	}
}

// whileLoading is the answer to a command that needs data while the node loads its own: MOVED where another node is known
// to serve the slot, so that clients look at the map again, otherwise LOADING.
func (c *conn) whileLoading(spec *command.Spec, args [][]byte) *apierr.Error {
	if spec.Parse == nil || c.multi != nil {
		return errLoading
	}
	call, err := spec.Parse(args)
	if err != nil || len(call.Keys) == 0 || c.proxied {
		return errLoading
	}
	s, crossed := slotOf(call.Keys)
	if crossed != nil {
		return crossed
	}
	if t, ok := c.server.cfg.Router.Find(s, c.asked); ok && t.Leader != nil {
		return c.sentTo(s, t)
	}
	return errLoading
}

// refuse answers a command that is not run. Inside of MULTI it spoils the transaction.
func (c *conn) refuse(v resp.Value) {
	if c.multi != nil {
		c.multi.spoiled = true
	}
	if c.row != nil {
		c.row.rejected.Add(1)
	}
	c.answer(v)
}

// other runs a command that is not about keys.
func (c *conn) other(r *row, args [][]byte) {
	if r.spec.Name == "exec" {
		c.exec()
		return
	}
	if !r.inRound {
		c.settle()
		c.tally.flush(c.id) // it may tell of them
	}
	c.reply(c.askEverywhere(r, args, r.handler(c, args)))
}

// word tells whether an argument is an option; upper is in upper case.
func word(arg []byte, upper string) bool {
	if len(arg) != len(upper) {
		return false
	}
	for i, ch := range arg {
		if 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		if ch != upper[i] {
			return false
		}
	}
	return true
}
