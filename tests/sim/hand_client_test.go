package sim

import (
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
	"github.com/holtcache/holt/shard/executor"
)

// handKind is what a client asks of a unit.
type handKind uint8

const (
	handAppend      handKind = iota // the list, by SET or PATCH
	handRegSet                      // the register: a value of its own
	handRegDel                      // the register: DEL
	handRegFlush                    // the register: its slot is emptied
	handGet                         // reads the list
	handNX                          // reads the list in the executor
	handRegGet                      // reads the register
	handRegNX                       // reads the register in the executor
	handKinds       int      = iota
	handFirstReader          = handGet
)

// handOp is one request of a client.
type handOp struct {
	id          uint32
	kind        handKind
	unit        int
	mode        executor.ReadMode
	byLease     bool
	group, node int
	start, end  int
	out         coreOutcome
	version     uint64
	seen        []uint32
	value       string
	request     *executor.Request
	waiter      *executor.Waiter
	replica     *coreReplica
	// answer and cancel are of a reader.
	answer chan error
	cancel context.CancelFunc
}

func (o *handOp) writes() bool { return o.kind < handFirstReader }

// byReader tells that the op runs in a reader, not in the executor.
func (o *handOp) byReader() bool { return o.kind == handGet || o.kind == handRegGet }

func (o *handOp) onList() bool { return o.kind == handAppend || o.kind == handGet || o.kind == handNX }

func (w *handWorld) key(o *handOp) []byte {
	if o.onList() {
		return []byte(w.units[o.unit].list)
	}
	return []byte(w.units[o.unit].register)
}

// handOpenMax bounds the ops without an answer.
const handOpenMax = 12

// client asks something of a unit: mostly where its slots are, as far as it knows, and mostly at a leader.
func (w *handWorld) client() {
	if len(w.open) >= handOpenMax {
		return
	}
	o := &handOp{kind: handKind(w.r.IntN(handKinds)), unit: w.r.IntN(handUnits), byLease: w.r.IntN(2) == 0}
	switch w.r.IntN(6) {
	case 0, 1:
		o.kind = handAppend
	case 2, 3:
		o.kind = handGet
	}
	if w.r.IntN(3) == 0 {
		o.mode, o.byLease = executor.ReadIndex, false
	}
	o.group = w.view().owner[o.unit]
	if w.r.IntN(4) == 0 {
		o.group = 1 - o.group
	}
	o.node = w.r.IntN(coreNodes)
	for range 6 {
		if _, serves := w.groups[o.group].nodes[o.node].exec.Serving(); serves {
			break
		}
		o.node = w.r.IntN(coreNodes)
	}
	w.ask(o)
}

// ask begins an op.
func (w *handWorld) ask(o *handOp) *handOp {
	o.id, o.start, o.replica = uint32(len(w.ops)+1), w.step, w.groups[o.group].nodes[o.node].coreReplica
	w.ops, w.open = append(w.ops, o), append(w.open, o)
	s := slot.Of(w.key(o))
	if o.byReader() {
		gate := &coreOp{byLease: o.byLease}
		ctx, cancel := context.WithTimeout(context.WithValue(w.ctx, coreOpKey{}, gate), coreReadTime)
		o.cancel = cancel
		o.answer = make(chan error, 1)
		go func() {
			defer cancel()
			o.answer <- o.replica.exec.Read(ctx, s, o.mode, func(v *executor.View) {
				item, _ := v.Get(w.key(o))
				o.look(handValue(v, w.key(o), item))
			})
		}()
		w.groups[o.group].wait()
		return o
	}
	o.request, o.waiter = &executor.Request{Slot: s, Do: func(tx *executor.Tx) { w.evaluate(o, tx) }}, executor.NewWaiter()
	if err := o.replica.exec.Submit(o.waiter, o.request); err != nil {
		w.answer(o, apierr.Of(err))
	}
	w.groups[o.group].wait()
	return o
}

func (o *handOp) look(value []byte) {
	if o.onList() {
		o.seen = coreIDs(value)
	} else {
		o.value = string(value)
	}
}

// evaluate is what the executor runs for an op.
func (w *handWorld) evaluate(o *handOp, tx *executor.Tx) {
	key := w.key(o)
	item, ok := tx.Get(key)
	switch {
	case o.kind == handAppend && o.unit == handHashUnit:
		w.appendField(o, tx)
		return
	case item.Type.HasFields():
		item.Value = handValue(tx, key, item)
	}
	switch o.kind {
	case handAppend:
		id := binary.LittleEndian.AppendUint32(nil, o.id)
		if ok && o.id%3 == 0 {
			o.version = tx.Patch(key, len(item.Value), id)
		} else {
			o.version = tx.Set(key, append(append([]byte(nil), item.Value...), id...), entry.TypeString, item.ExpireAt)
		}
		if o.id%5 == 0 {
			tx.Expire(key, tx.Now()+1e9)
		}
	case handRegSet:
		o.value = strconv.Itoa(int(o.id))
		o.version = tx.Set(key, []byte(o.value), entry.TypeString, 0)
	case handRegDel:
		tx.Delete(key)
	case handRegFlush:
		s := slot.Of(key)
		tx.Flush([]slot.Range{{First: s, Last: s}})
	default:
		o.look(item.Value)
	}
}

// handHashUnit is the unit whose list is a hash: each op is a field of its own, whose value is its place.
const handHashUnit = 1

// handPad is a field that makes the hash too large for a packed form.
const handPad = "pad"

// appendField is an append to the hash, in every other simulation to a large one. A field that comes and goes in the same request, and
// one that goes in a later one, make more kinds of effects meet.
func (w *handWorld) appendField(o *handOp, tx *executor.Tx) {
	key := w.key(o)
	place := 0
	tx.EachField(key, func(field, _ []byte) bool {
		if len(field) == 4 {
			place++
		}
		return true
	})
	id := binary.LittleEndian.AppendUint32(nil, o.id)
	tx.SetField(key, entry.TypeHash, []byte("passing"), id)
	if w.padded {
		tx.SetField(key, entry.TypeHash, []byte(handPad), make([]byte, 5000))
	}
	tx.SetField(key, entry.TypeHash, id, binary.BigEndian.AppendUint32(nil, uint32(place)))
	if o.id%2 == 0 {
		tx.DeleteField(key, []byte("passing"))
	}
	if o.id%5 == 0 {
		tx.Expire(key, tx.Now()+1e9)
	}
	item, _ := tx.Get(key)
	o.version = item.Version
}

// handValue is a list as a string, whatever it is kept in.
func handValue(r interface {
	EachField(key []byte, yield func(field, value []byte) bool)
}, key []byte, item store.Item,
) []byte {
	if !item.Type.HasFields() {
		return item.Value
	}
	var fields [][2]string
	r.EachField(key, func(field, value []byte) bool {
		if len(field) == 4 {
			fields = append(fields, [2]string{string(value), string(field)})
		}
		return true
	})
	slices.SortFunc(fields, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	value := []byte{}
	for _, f := range fields {
		value = append(value, f[1]...)
	}
	return value
}

// refused counts why a slot was not served.
func (w *handWorld) refused(err error) {
	switch apierr.KindOf(err) {
	case apierr.KindAsk:
		w.stat.refusedAsk++
	case apierr.KindImporting:
		w.stat.refusedImporting++
	}
}

func (w *handWorld) finish(o *handOp, out coreOutcome) {
	if o.out == coreOpen {
		o.out, o.end = out, w.step
	}
}

// answer ends an op of the executor with its answer.
func (w *handWorld) answer(o *handOp, err *apierr.Error) {
	switch {
	case err == nil:
		w.finish(o, coreOK)
	case err.Result() == apierr.OutcomeNotApplied:
		w.refused(err)
		w.finish(o, coreNotApplied)
	default:
		w.finish(o, coreUnknown)
	}
}

// answerReader ends a reader that is through.
func (w *handWorld) answerReader(o *handOp) {
	select {
	case err := <-o.answer:
		if err == nil {
			w.finish(o, coreOK)
			return
		}
		w.refused(err)
		w.finish(o, coreNoAnswer)
	default:
	}
}

// collect ends the ops that have their answers.
func (w *handWorld) collect() {
	rest := w.open[:0]
	for _, o := range w.open {
		switch {
		case o.byReader():
			w.answerReader(o)
		case o.waiter.Wait(coreGone) == nil:
			w.answer(o, o.request.Err)
		}
		if o.out == coreOpen {
			rest = append(rest, o)
		}
	}
	w.open = rest
}

// abandon lets a client give up on a request.
func (w *handWorld) abandon() {
	if len(w.open) == 0 {
		return
	}
	o := w.open[w.r.IntN(len(w.open))]
	if o.byReader() {
		o.cancel()
	} else {
		o.waiter.GiveUp(handShard(o.group), o.request)
	}
	w.groups[o.group].wait()
}
