package model

import (
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"time"

	"github.com/anishathalye/porcupine"
)

// ExpirySlack is how far the end of a value may lie from its TTL after its write, by the clients' clock: the time goes on
// between the call and the evaluation, which the interval covers, and the servers' wall clock may be slewed meanwhile.
const ExpirySlack = 100 * time.Millisecond

// Report counts what was checked.
type Report struct {
	Keys, Ops int
	// Unknown counts writes with an unknown outcome; Pruned those of them that were never seen, Seen those that were.
	Unknown, Pruned, Seen int
}

func (r Report) String() string {
	return fmt.Sprintf("%d keys, %d operations, %d of unknown outcome (%d never seen, %d seen)", r.Keys, r.Ops, r.Unknown, r.Pruned, r.Seen)
}

// CheckRegisters is nil if every key of a history is a linearizable register. Each key may take the budget; no verdict
// in it is an error, as is a value that appears although its write was refused. Values of Set and SetNX have to be unique.
func CheckRegisters(ops []Op, budget time.Duration) (Report, error) {
	return checkRegisters(ops, budget, registerModel(register.step), diagnose)
}

// CheckEvictable is CheckRegisters for keys that may go at any time, for lack of memory. A key that went stays gone until
// it is written again, so what was overwritten or deleted never comes back.
func CheckEvictable(ops []Op, budget time.Duration) (Report, error) {
	return checkRegisters(ops, budget, registerModel(register.stepOrEvict), diagnoseEvictable)
}

func checkRegisters(ops []Op, budget time.Duration, m porcupine.Model, diagnose func([]Op) Class) (Report, error) {
	var report Report
	var errs []error
	keys, split := byKey(ops)
	for _, key := range keys {
		history, err := prepare(split[key], &report)
		if err == nil {
			err = checkRegister(history, budget, m, diagnose)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("key %s: %w\n%s", key, err, listing(split[key])))
		}
		report.Keys++
		report.Ops += len(split[key])
	}
	return report, errors.Join(errs...)
}

func checkRegister(history []Op, budget time.Duration, m porcupine.Model, diagnose func([]Op) Class) error {
	operations := make([]porcupine.Operation, 0, len(history))
	for i, o := range history {
		client := o.Client
		if o.Outcome == Unknown || o.Kind == expire {
			client = 1000 + i // it may last for ever, so its client is another one afterwards
		}
		operations = append(operations, porcupine.Operation{ClientId: client, Input: o, Output: o, Call: int64(o.Call), Return: int64(o.Return)})
	}
	switch porcupine.CheckOperationsTimeout(m, operations, budget) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return violation(diagnose(history), "the history is not linearizable")
	}
	return violation(Undecided, "no verdict within %v, which counts as a failure", budget)
}

const forever = time.Duration(math.MaxInt64)

// register is the state of one key.
type register struct {
	found bool
	value string
}

var hashSeed = maphash.MakeSeed()

func registerModel(step func(register, Op) (bool, register)) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return register{} },
		Step: func(state, input, _ any) (bool, any) {
			ok, next := step(state.(register), input.(Op))
			return ok, next
		},
		Hash: func(state any) uint64 { return maphash.Comparable(hashSeed, state.(register)) },
	}
}

// stepOrEvict lets the key go just before the first operation that finds it gone: when it really went shows nowhere.
// A SetNX of unknown outcome that is still in the history was seen, so it found the key gone.
func (r register) stepOrEvict(o Op) (bool, register) {
	if o.Kind == SetNX && o.Outcome == Unknown {
		return register{}.step(o)
	}
	if ok, next := r.step(o); ok {
		return true, next
	}
	return register{}.step(o)
}

// step says whether the operation may give its answer in this state, and what the state is afterwards. Operations of
// unknown outcome take effect and may have answered anything: placed after the last read they stand for "never did".
func (r register) step(o Op) (bool, register) {
	known := o.Outcome == OK
	saw := !known || o.Found == r.found && o.Value == r.value
	switch o.Kind {
	case Get, GetTwins:
		return saw, r
	case Cas:
		return r.cas(o, known)
	case Set, SetTwins:
		return true, register{found: true, value: o.Arg}
	case SetNX:
		if r.found {
			return saw, r
		}
		return saw, register{found: true, value: o.Arg}
	case GetDel:
		return saw, register{}
	case Del:
		return !known || (o.N == 1) == r.found, register{}
	case Incr:
		return r.incr(o, known)
	case expire:
		if r.found && r.value == o.Arg {
			return true, register{}
		}
		return true, r
	}
	return false, r
}

func (r register) incr(o Op, known bool) (bool, register) {
	n := int64(0)
	if r.found {
		var err error
		if n, err = strconv.ParseInt(r.value, 10, 64); err != nil {
			return false, r
		}
	}
	n += o.delta()
	return !known || o.N == n, register{found: true, value: strconv.FormatInt(n, 10)}
}

// cas: one that did not write is a read. One of unknown outcome writes if it still can.
func (r register) cas(o Op, known bool) (bool, register) {
	same := o.Found == r.found && o.Value == r.value
	if same && (!known || o.N == 1) {
		return true, register{found: true, value: o.Arg}
	}
	return !known || same, r
}
