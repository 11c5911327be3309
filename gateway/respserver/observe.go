package respserver

import (
	"bytes"
	"math"
	"sync/atomic"
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/resp"
)

// observer hears of every command that was answered. It feeds the counters of the commands, the slow log and the latency events.
type observer struct {
	slow   slowLog
	events latencyEvents
	// notableFrom is the least time from which on the slow log, or the latency events, want to hear of a command, in
	// nanoseconds: a fast command costs one comparison.
	notableFrom atomic.Int64
}

func (o *observer) init() {
	o.slow.slowerThan, o.slow.entriesMax = slowerThanDefault, slowLogEntriesDefault
	o.setNotable()
}

// setNotable has to be called when a threshold has changed.
func (o *observer) setNotable() {
	from := int64(math.MaxInt64)
	if slower := o.slow.threshold(); slower >= 0 {
		from = int64(slower)
	}
	if slower := o.events.threshold(); slower > 0 {
		from = min(from, int64(slower))
	}
	o.notableFrom.Store(from)
}

// How a command was answered.
type outcome uint8

const (
	succeeded outcome = iota
	failed            // with an error of its own
	rejected          // it was not run: MOVED, NOAUTH, wrong inside of MULTI ...
)

// clock is the time since the server was made. It is what commands are timed with: half of the cost of time.Now.
func (s *Server) clock() time.Duration { return time.Since(s.started) }

// resumed begins the time of the command at hand anew, after the connection has waited for something else than it.
func (c *conn) resumed() {
	c.arrived = time.Now()
	c.parsed = c.arrived.Sub(c.server.started)
}

// finished is called once for each command, when its reply is ready. The time is that since began: since the command was
// parsed, or where a pipeline's commands are collected for the executor, since the connection looked at the clock last before.
// It does not look at the clock for each of those. The reply of a transaction is that of its commands, too.
func (c *conn) finished(r *row, args [][]byte, began, ended time.Duration, v *resp.Value) {
	if r == nil {
		return
	}
	how := outcomeOf(v)
	if how == rejected {
		r.rejected.Add(1)
		return
	}
	took := ended - began
	c.tally.add(c.id, r, took, how)
	if int64(took) >= c.server.observer.notableFrom.Load() {
		c.notable(r, args, took)
	}
}

// finishedAtOnce is finished for a command that waited for nobody.
func (c *conn) finishedAtOnce(v *resp.Value) {
	began := c.parsed
	c.parsed = c.server.clock()
	c.finished(c.row, c.args, began, c.parsed, v)
}

// finishedExec tells of the commands of a transaction. Each took as long as all: they are answered together.
func (c *conn) finishedExec(t *transaction, began, ended time.Duration, v *resp.Value) {
	if v.IsError() || v.Kind == resp.KindNullArray || t.aborted {
		return // none was run
	}
	for i := range t.queued {
		q, reply := &t.queued[i], &resp.Value{}
		if v.Kind == resp.KindArray && i < len(v.Elems) {
			reply = &v.Elems[i]
		}
		c.finished(q.row, q.args, began, ended, reply)
	}
}

func (c *conn) notable(r *row, args [][]byte, took time.Duration) {
	o := &c.server.observer
	o.events.add(r.spec.Flag(command.Fast), took)
	if !r.transaction && c.slowInRound < slowPerRoundMax && o.slow.wants(took) {
		c.slowInRound++
		o.slow.add(took, r.spec.Name, args, c.remote, c.profile().name)
	}
}

// rejections are the first words of errors that say that a command was not run here.
var rejections = [][]byte{[]byte("MOVED "), []byte("ASK "), []byte("CLUSTERDOWN "), []byte("TRYAGAIN "), []byte("CROSSSLOT "), []byte("LOADING "), []byte("NOAUTH "), []byte("NOPERM "), []byte("EXECABORT ")}

func outcomeOf(v *resp.Value) outcome {
	if !v.IsError() {
		return succeeded
	}
	for _, prefix := range rejections {
		if bytes.HasPrefix(v.Str, prefix) {
			return rejected
		}
	}
	return failed
}
