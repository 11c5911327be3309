package sim

import (
	"strconv"
	"time"
)

// Increments carry ids, and clients repeat them: those that were answered, those on their way, those of which nothing is known.

// repeatable makes an increment the first attempt of a request, or another one of a request that was asked before.
func (w *coreWorld) repeatable(o *coreOp) {
	if o.kind != coreIncr || o.attemptOf != nil {
		return
	}
	if n := len(w.increments); n > 0 && o.id%2 == 0 {
		o.attemptOf = w.increments[n-1-int(o.id)/2%min(n, 4)]
		w.stat.repeats++
		return
	}
	o.attemptOf, o.until = o, o.replica.exec.Clock().Now()+time.Minute.Milliseconds()
	w.increments = append(w.increments, o)
}

// repeated takes the answer of an earlier attempt.
func (w *coreWorld) repeated(o *coreOp) {
	if o.request.Repeated {
		o.number, _ = strconv.ParseInt(string(o.request.Result), 10, 64)
		o.version = 0
		w.stat.repeated++
	}
}

// resolve asks for every increment once more, at the end: none stays unknown whose id has not ended.
func (w *coreWorld) resolve(leader int) {
	var last []*coreOp
	for _, first := range w.increments {
		last = append(last, w.ask(&coreOp{kind: coreIncr, attemptOf: first}, leader))
	}
	answered := func() bool {
		for _, o := range last {
			if o.out == coreOpen {
				return false
			}
		}
		return true
	}
	if !w.drive(leader, answered) {
		w.fail("repeated increments have no answer")
	}
	for _, o := range last {
		ended := w.nodes[leader].exec.Clock().Now() > o.attemptOf.until
		switch {
		case o.out == coreOK:
		case !ended:
			w.fail("increment %d got outcome %d when it was repeated in the end: %v", o.attemptOf.id, o.out, o.request.Err)
		default:
			w.unresolved++
		}
	}
}

// checkCounter: whatever the number of its attempts, an increment counts once, and all attempts are answered the same; replies
// of different ones differ, and rise in real time.
func (w *coreWorld) checkCounter() {
	final, _ := strconv.ParseInt(string(w.stored(coreCounter)), 10, 64)
	var acked []*coreOp
	requests := map[*coreOp]bool{}
	for _, o := range w.ops {
		if o.kind == coreIncr && o.out == coreOK && !o.async {
			acked = append(acked, o)
			requests[o.attemptOf] = true
		}
	}
	if n := int64(len(requests)); n > final || n+int64(w.unresolved) < final {
		w.fail("the counter ends at %d after %d increments were acknowledged or resolved, %d were not", final, n, w.unresolved)
	}
	for _, b := range acked {
		if b.number > final {
			w.fail("increment %d replied %d, the counter ends at %d", b.id, b.number, final)
		}
		for _, a := range acked {
			if same := a.attemptOf == b.attemptOf; same != (a.number == b.number) || !b.request.Repeated && a.end < b.start && a.number > b.number {
				w.fail("increments %d and %d, attempts of %d and %d, replied %d and %d", a.id, b.id, a.attemptOf.id, b.attemptOf.id, a.number, b.number)
			}
		}
	}
}
