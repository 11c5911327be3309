package sim

import (
	"context"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/session"
	"github.com/holtcache/holt/shard/executor"
)

// coreKind is what a client asks.
type coreKind uint8

const (
	coreAppend    coreKind = iota // one of the two lists, by SET or PATCH
	coreMSet                      // both lists at once
	coreExec                      // reads both lists, then appends to both
	coreIncr                      // the counter
	coreNX                        // reads a list in the executor and changes nothing
	coreGet                       // reads a list
	coreMGet                      // reads both lists
	coreRegSet                    // the register: a value of its own
	coreRegDel                    // the register: DEL
	coreRegFlush                  // the register: its slot is emptied
	coreRegGet                    // the register
	coreRegNX                     // the register, in the executor
	coreExpirySet                 // a value of its own that expires soon
	coreExpiryGet
	coreExpiryNX // reads in the executor, which deletes what it finds expired
	coreCacheSet // a cached key: a value of its own
	coreCacheGet
	coreCacheNX // reads in the executor
)

// The two lists share a slot; each of the others has one of its own.
var (
	coreLists    = [2]string{"{list}0", "{list}1"}
	coreCounter  = "{counter}"
	coreRegister = "{register}"
	coreExpiring = "{expiring}"
)

// coreOutcome is what a client knows in the end.
type coreOutcome uint8

const (
	coreOpen coreOutcome = iota
	coreOK
	coreNotApplied
	coreUnknown
	coreNoAnswer // a read that gave none
)

// coreOp is one request of a client. Lists hold the ids of the ops that were appended to them.
type coreOp struct {
	id    uint32
	kind  coreKind
	key   int // of a list
	async bool
	// mode and byLease are of reads; byLease lets a reader that waits at the gate through by the lease, too.
	mode    executor.ReadMode
	byLease bool
	node    int
	before  *coreOp // the op of the same connection before it, not answered when this one was asked
	life    time.Duration

	start, end int
	out        coreOutcome
	evaluated  bool
	version    uint64
	seen       [2][]uint32
	has        [2]bool
	number     int64   // reply of an INCR
	attemptOf  *coreOp // the first attempt of an INCR, itself where it is the first
	until      int64
	value      string // what a register read saw
	batch      executor.BatchID
	ackTerm    int

	request *executor.Request
	waiter  *executor.Waiter
	replica *coreReplica
	waiting bool // a read that waits for the answer to the op before it
	cancel  context.CancelFunc
}

func (o *coreOp) reads() bool {
	return o.kind == coreGet || o.kind == coreMGet || o.kind == coreRegGet || o.kind == coreExpiryGet || o.kind == coreCacheGet
}

func (o *coreOp) appends() bool { return o.kind <= coreExec }

// coreConn is a connection: it pipelines up to three ops to one node.
type coreConn struct {
	node int
	last [3]*coreOp
}

func (w *coreWorld) finish(o *coreOp, out coreOutcome) {
	if o.out == coreOpen {
		o.out, o.end = out, w.step
	}
}

var coreGone = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// client lets one connection ask something.
func (w *coreWorld) client() {
	c := &w.conns[w.r.IntN(len(w.conns))]
	busy := 0
	var before *coreOp
	for _, o := range c.last {
		if o != nil && o.out == coreOpen {
			busy++
			before = o
		}
	}
	if busy == len(c.last) || before != nil && before.reads() {
		return
	}
	if busy == 0 {
		if w.r.IntN(5) == 0 {
			c.node = w.r.IntN(coreNodes)
		}
		for range 6 {
			if w.nodes[c.node].role == coreLeader {
				break
			}
			c.node = w.r.IntN(coreNodes)
		}
	}
	if w.nodes[c.node].role != coreLeader && w.r.IntN(50) > 0 {
		return
	}
	o := &coreOp{kind: w.drawKind(), key: w.r.IntN(2), async: w.r.IntN(3) == 0, byLease: w.r.IntN(2) == 0, before: before}
	if !o.appends() && o.kind != coreIncr {
		o.async = false
	}
	w.evict.draw(o)
	if w.r.IntN(3) == 0 {
		o.mode, o.byLease = executor.ReadIndex, false
	}
	o.life = []time.Duration{5, 20, 60, 3600_000}[w.r.IntN(4)] * time.Millisecond
	if before != nil && before.appends() && w.r.IntN(3) == 0 {
		o.kind, o.key = coreGet, before.key // its own write
	}
	copy(c.last[:], c.last[1:])
	c.last[2] = o
	w.ask(o, c.node)
}

func (w *coreWorld) drawKind() coreKind {
	p := w.r.IntN(40)
	for _, share := range []struct {
		kind coreKind
		of   int
	}{{coreAppend, 12}, {coreMSet, 3}, {coreExec, 2}, {coreIncr, 3}, {coreNX, 4}, {coreGet, 4}, {coreMGet, 3}, {coreRegSet, 1}, {coreRegDel, 1}, {coreRegFlush, 1},
		{coreRegGet, 2}, {coreRegNX, 1}, {coreExpirySet, 1}, {coreExpiryGet, 1}, {coreExpiryNX, 1}} {
		if p -= share.of; p < 0 {
			return share.kind
		}
	}
	return coreGet
}

// ask begins an op at a node.
func (w *coreWorld) ask(o *coreOp, node int) *coreOp {
	o.id, o.node, o.start, o.replica = uint32(len(w.ops)+1), node, w.step, w.nodes[node].coreReplica
	if o.kind == coreExpiryGet { // two readers that find a key expired at once would queue its deletion in any order
		for _, other := range w.open {
			if other.kind == coreExpiryGet {
				o.kind = coreGet
			}
		}
	}
	w.ops = append(w.ops, o)
	w.open = append(w.open, o)
	if o.reads() {
		o.waiting = true
		w.progress(o)
		return o
	}
	w.repeatable(o)
	o.request, o.waiter = &executor.Request{Slot: o.slot(), Do: func(tx *executor.Tx) { w.evaluate(o, tx) }}, executor.NewWaiter()
	if o.async {
		o.request.Ack = executor.AckAsync
	}
	if first := o.attemptOf; first != nil {
		o.request.ID, o.request.Until = session.ID{Client: 1, Sequence: uint64(first.id)}, first.until
	}
	o.request.AllSlots = o.kind == coreRegFlush && o.id%2 == 0
	if err := o.replica.exec.Submit(o.waiter, o.request); err != nil {
		w.settle(o, apierr.Of(err))
	}
	w.wait()
	return o
}

func (o *coreOp) slot() slot.ID {
	switch {
	case o.kind == coreIncr:
		return slot.Of([]byte(coreCounter))
	case o.kind >= coreCacheSet:
		return slot.Of([]byte(coreCached(o.key)))
	case o.kind >= coreExpirySet:
		return slot.Of([]byte(coreExpiring))
	case o.kind >= coreRegSet:
		return slot.Of([]byte(coreRegister))
	}
	return slot.Of([]byte(coreLists[0]))
}

// evaluate is what the executor runs for an op.
func (w *coreWorld) evaluate(o *coreOp, tx *executor.Tx) {
	o.evaluated, o.version, o.has = true, 0, [2]bool{}
	switch o.kind {
	case coreAppend:
		w.appendTo(o, tx, o.key)
	case coreMSet:
		w.appendTo(o, tx, 0)
		w.appendTo(o, tx, 1)
	case coreExec:
		for k := range coreLists {
			item, _ := tx.Get([]byte(coreLists[k]))
			o.seen[k], o.has[k] = coreIDs(item.Value), true
		}
		w.appendTo(o, tx, 0)
		w.appendTo(o, tx, 1)
	case coreNX:
		item, _ := tx.Get([]byte(coreLists[o.key]))
		o.seen[o.key], o.has[o.key] = coreIDs(item.Value), true
	case coreIncr:
		item, _ := tx.Get([]byte(coreCounter))
		o.number, _ = strconv.ParseInt(string(item.Value), 10, 64)
		o.number++
		o.request.Result = strconv.AppendInt(nil, o.number, 10)
		o.version = tx.Set([]byte(coreCounter), o.request.Result, entry.TypeString, 0)
	case coreRegSet:
		o.value = strconv.Itoa(int(o.id))
		o.version = tx.Set([]byte(coreRegister), []byte(o.value), entry.TypeString, 0)
	case coreRegDel:
		tx.Delete([]byte(coreRegister))
	case coreRegFlush:
		s := slot.Of([]byte(coreRegister))
		tx.Flush([]slot.Range{{First: s, Last: s + 1}})
	case coreRegNX:
		item, _ := tx.Get([]byte(coreRegister))
		o.value = string(item.Value)
	case coreExpirySet:
		o.value = strconv.Itoa(int(o.id))
		o.version = tx.Set([]byte(coreExpiring), []byte(o.value), entry.TypeString, tx.Now()+o.life.Milliseconds())
	case coreExpiryNX:
		item, _ := tx.Get([]byte(coreExpiring))
		o.value = string(item.Value)
	case coreCacheSet:
		w.evict.write(o, tx)
	case coreCacheNX:
		item, _ := tx.Get([]byte(coreCached(o.key)))
		o.value = coreCachedValue(item.Value)
	}
}

// appendTo writes a list anew, or only its end, and sometimes gives it an expiry that never comes.
func (w *coreWorld) appendTo(o *coreOp, tx *executor.Tx, k int) {
	key := []byte(coreLists[k])
	item, ok := tx.Get(key)
	id := binary.LittleEndian.AppendUint32(nil, o.id)
	if ok && o.id%3 == 0 {
		o.version = tx.Patch(key, len(item.Value), id)
	} else {
		o.version = tx.Set(key, append(append([]byte(nil), item.Value...), id...), entry.TypeString, item.ExpireAt)
	}
	if o.id%5 == 0 && !w.evict.on {
		tx.Expire(key, tx.Now()+1e9)
	}
}

// noteProposal tells the ops of a batch which it is: they are those whose versions it carries.
func (w *coreWorld) noteProposal(n *coreNode, record []byte) {
	h, body, err := entry.DecodeHeader(record)
	if err != nil || h.Kind != entry.KindBatch {
		return
	}
	var b entry.Batch
	if err := entry.DecodeBatch(body, &b); err != nil {
		w.fail("node %d proposes a batch that does not decode: %v", n.id, err)
	}
	for _, o := range w.open {
		if o.replica == n.coreReplica && o.evaluated && o.version > 0 && o.version <= b.Version && o.batch == (executor.BatchID{}) {
			o.batch = executor.BatchID{Incarnation: h.Incarnation, Sequence: h.Sequence}
		}
	}
}

// look is what a reader runs.
func (w *coreWorld) look(o *coreOp, v *executor.View) {
	switch o.kind {
	case coreGet:
		item, _ := v.Get([]byte(coreLists[o.key]))
		o.seen[o.key], o.has[o.key] = coreIDs(item.Value), true
	case coreMGet:
		for k := range coreLists {
			item, _ := v.Get([]byte(coreLists[k]))
			o.seen[k], o.has[k] = coreIDs(item.Value), true
		}
	case coreRegGet:
		item, _ := v.Get([]byte(coreRegister))
		o.value = string(item.Value)
	case coreExpiryGet:
		item, _ := v.Get([]byte(coreExpiring))
		o.value = string(item.Value)
	case coreCacheGet:
		item, _ := v.Get([]byte(coreCached(o.key)))
		o.value = coreCachedValue(item.Value)
	}
}

// coreReadTime is how long a reader waits, in virtual time.
const coreReadTime = 40 * time.Millisecond

// progress looks whether an op has its answer, or can begin.
func (w *coreWorld) progress(o *coreOp) {
	if !o.reads() {
		if o.waiter.Wait(coreGone) == nil {
			w.settle(o, o.request.Err)
		}
		return
	}
	if !o.waiting {
		return
	}
	// A connection's read waits until the write before it is answered, as respserver's do, or it goes through the executor
	// behind it. That the write was evaluated is not enough: an evaluation that was not proposed yet is taken back when the
	// incarnation ends, and done again later.
	if b := o.before; b != nil && b.out == coreOpen {
		return
	}
	o.waiting = false
	ctx, cancel := context.WithTimeout(context.WithValue(w.ctx, coreOpKey{}, o), coreReadTime)
	o.cancel = cancel
	go func() {
		defer cancel()
		err := o.replica.exec.Read(ctx, o.slot(), o.mode, func(v *executor.View) { w.look(o, v) })
		w.moment.Load()
		if err != nil {
			w.finish(o, coreNoAnswer)
			return
		}
		w.finish(o, coreOK)
	}()
	w.wait()
}

// settle ends a write, or a read in the executor, with its answer.
func (w *coreWorld) settle(o *coreOp, err *apierr.Error) {
	switch {
	case err == nil:
		w.repeated(o)
		o.ackTerm = o.replica.node.term
		if o.request.Acked == executor.AckAsync {
			w.stat.asyncAcked++
		} else {
			o.async = false // acknowledged by the majority
		}
		w.finish(o, coreOK)
	case err.Result() == apierr.OutcomeNotApplied:
		w.finish(o, coreNotApplied)
	default:
		w.finish(o, coreUnknown)
	}
}

// collect ends the ops that have their answers.
func (w *coreWorld) collect() {
	rest := w.open[:0]
	for _, o := range w.open {
		w.progress(o)
		if o.out == coreOpen {
			rest = append(rest, o)
		}
	}
	w.open = rest
}

// abandon lets a client give up on a request.
func (w *coreWorld) abandon() {
	if len(w.open) == 0 {
		return
	}
	o := w.open[w.r.IntN(len(w.open))]
	if o.reads() {
		if o.cancel != nil {
			o.cancel()
			w.wait()
		} else {
			o.waiting = false
			w.finish(o, coreNoAnswer)
		}
		return
	}
	w.stat.abandoned++
	o.waiter.GiveUp(coreShard, o.request)
	w.wait()
}
