package sim

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/holtcache/holt/proto/apierr"
)

// raftAction is what one request does. Values of sets and swaps are unique in a history.
type raftAction struct {
	kind     string // get, set, swap, incr, append
	key      string
	old, new string
}

// raftEvent is one request as its client saw it.
type raftEvent struct {
	raftAction
	client    int
	call, ret time.Duration
	seen      string // what a get, a swap or an incr returned
	outcome   apierr.Outcome
	volatile  bool   // the key expires
	version   uint64 // that a write was answered, 0 where nobody asks
}

// raftHistory is what all clients saw, by one clock.
type raftHistory struct {
	began time.Time

	mu     sync.Mutex // protects the fields below
	events []raftEvent
	failed map[string]string // values of writes that were answered "not applied", by key
}

func newRaftHistory() *raftHistory {
	return &raftHistory{began: time.Now(), failed: map[string]string{}}
}

func (h *raftHistory) now() time.Duration { return time.Since(h.began) }

func (h *raftHistory) add(e raftEvent) {
	e.ret = h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
}

// acknowledged counts requests that succeeded between two instants.
func (h *raftHistory) acknowledged(from, to time.Duration) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range h.events {
		if e.outcome == apierr.OutcomeApplied && e.call >= from && e.ret <= to {
			n++
		}
	}
	return n
}

// byKey are the events of each key, without those that are known to have had no effect and showed nothing.
func (h *raftHistory) byKey() map[string][]raftEvent {
	keys := map[string][]raftEvent{}
	for _, e := range h.events {
		if e.outcome == apierr.OutcomeNotApplied || e.kind == "get" && e.outcome != apierr.OutcomeApplied {
			continue
		}
		keys[e.key] = append(keys[e.key], e)
	}
	return keys
}

// verify checks the history of every key. It is run outside of a bubble: the checker has a deadline in real time.
func (h *raftHistory) verify(t *testing.T) {
	t.Helper()
	for key, events := range h.byKey() {
		var err error
		if strings.HasPrefix(key, "append") {
			err = checkAppends(events)
		} else {
			err = checkLinearizable(events)
		}
		if err == nil {
			err = h.checkFailed(key, events)
		}
		if err != nil {
			t.Errorf("%s: %v", key, err)
			slices.SortFunc(events, func(a, b raftEvent) int { return int(a.call - b.call) })
			for _, e := range events {
				t.Logf("  %12v %12v client %2d %s %q -> %q saw %q, outcome %v", e.call, e.ret, e.client, e.kind, e.old, e.new, e.seen, e.outcome)
			}
			return // one is enough to read
		}
	}
}

// checkFailed makes sure that nobody saw what a client was told is not applied.
func (h *raftHistory) checkFailed(key string, events []raftEvent) error {
	for _, failed := range h.events {
		if failed.key != key || failed.outcome != apierr.OutcomeNotApplied || failed.new == "" {
			continue
		}
		for _, e := range events {
			if e.seen == failed.new || strings.HasPrefix(key, "append") && slices.Contains(strings.Split(e.seen, ","), failed.new) {
				return fmt.Errorf("client %d was told that %q is not applied, and client %d saw it", failed.client, failed.new, e.client)
			}
		}
	}
	return nil
}

const checkMax = 10 * time.Second // of real time for one key; no verdict is a failure

// checkLinearizable checks one key as a register that expires where volatile is set.
func checkLinearizable(events []raftEvent) error {
	seen := map[string]bool{}
	for _, e := range events {
		seen[e.seen] = true
		seen[e.old] = true // a swap whose outcome is unknown may prove that it was there
	}
	var operations []porcupine.Operation
	for i, e := range events {
		ret := int64(e.ret)
		if e.outcome != apierr.OutcomeApplied {
			if e.kind != "incr" && !seen[e.new] {
				continue // a unique value that nobody saw: it may as well never have been written
			}
			ret = math.MaxInt64
		}
		operations = append(operations, porcupine.Operation{
			ClientId: i, Input: e, Output: e, Call: int64(e.call), Return: ret,
		})
	}
	switch result := porcupine.CheckOperationsTimeout(registerModel, operations, checkMax); result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("no verdict on %d operations within %v", len(operations), checkMax)
	}
	return fmt.Errorf("not linearizable (%d operations)", len(operations))
}

// registerModel is one key; its state is the value, "" where it is absent.
var registerModel = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		value, e := state.(string), input.(raftEvent)
		known := e.outcome == apierr.OutcomeApplied
		switch e.kind {
		case "set":
			return true, e.new
		case "get":
			if e.volatile && e.seen == "" {
				return true, "" // expired: and gone for good
			}
			return e.seen == value, value
		case "swap":
			if known && e.seen != value {
				return false, value
			}
			if value == e.old {
				return true, e.new
			}
			return true, value
		case "incr":
			next := increment(value)
			return !known || e.seen == next, next
		}
		return false, value
	},
	Equal: func(a, b any) bool { return a == b },
}

// checkAppends checks a list of unique items in time that grows with its length: every two lists that were seen are one
// the beginning of the other, and acknowledged items are in each list that was read later, once, in the order of time.
func checkAppends(events []raftEvent) error {
	var longest []string
	var reads []raftEvent
	for _, e := range events {
		if e.kind == "get" {
			reads = append(reads, e)
			if items := splitItems(e.seen); len(items) > len(longest) {
				longest = items
			}
		}
	}
	place := map[string]int{}
	for i, item := range longest {
		if _, twice := place[item]; twice {
			return fmt.Errorf("item %s is in the list twice", item)
		}
		place[item] = i
	}
	full := strings.Join(longest, ",")
	for _, r := range reads {
		if r.seen != "" && r.seen != full && !strings.HasPrefix(full, r.seen+",") {
			return fmt.Errorf("client %d saw %q, which is no beginning of %q", r.client, r.seen, full)
		}
	}
	called := map[string]time.Duration{}
	for _, e := range events {
		if e.kind == "append" {
			called[e.new] = e.call
		}
	}
	for _, item := range longest {
		if _, ok := called[item]; !ok {
			return fmt.Errorf("item %s was never appended, or was answered with \"not applied\"", item)
		}
	}
	return checkAppendTimes(events, reads, place, longest)
}

func splitItems(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

// checkAppendTimes sweeps over calls and returns in the order of time: whatever is called has to see at least as much
// as the longest list that was known to exist then.
func checkAppendTimes(events, reads []raftEvent, place map[string]int, longest []string) error {
	length := map[int]int{} // by position in all: how much of the list the event proves
	all := slices.Concat(reads, slices.DeleteFunc(slices.Clone(events), func(e raftEvent) bool {
		return e.kind != "append" || e.outcome != apierr.OutcomeApplied
	}))
	for i, e := range all {
		if e.kind == "get" {
			length[i] = len(splitItems(e.seen))
			continue
		}
		at, ok := place[e.new]
		if !ok {
			at = len(longest) // no list shows it: any read that began later proves the loss
		}
		length[i] = at + 1
	}
	byReturn := make([]int, len(all))
	byCall := make([]int, len(all))
	for i := range all {
		byReturn[i], byCall[i] = i, i
	}
	slices.SortFunc(byReturn, func(a, b int) int { return int(all[a].ret - all[b].ret) })
	slices.SortFunc(byCall, func(a, b int) int { return int(all[a].call - all[b].call) })
	known, next, last := 0, 0, -1
	for _, i := range byCall {
		for next < len(byReturn) && all[byReturn[next]].ret < all[i].call {
			if l := length[byReturn[next]]; l > known {
				known, last = l, byReturn[next]
			}
			next++
		}
		if length[i] < known || all[i].kind == "append" && length[i] == known && last >= 0 && all[last].kind == "get" {
			return fmt.Errorf("%s of client %d (%q) began at %v, after %s of client %d (%q) had ended at %v, and is before it in the list",
				all[i].kind, all[i].client, all[i].new, all[i].call, all[last].kind, all[last].client, all[last].new, all[last].ret)
		}
	}
	return nil
}

// Each checker has to reject a history that shows one thing going wrong.
func TestCheckersRejectBrokenHistories(t *testing.T) {
	at := func(kind, new, seen string, call, ret int, outcome apierr.Outcome) raftEvent {
		return raftEvent{
			raftAction: raftAction{kind: kind, key: "k", new: new}, seen: seen,
			call: time.Duration(call), ret: time.Duration(ret), outcome: outcome, client: call,
		}
	}
	const ok, unknown = apierr.OutcomeApplied, apierr.OutcomeUnknown
	volatile := func(e raftEvent) raftEvent { e.volatile = true; return e }
	swap := func(e raftEvent, old string) raftEvent { e.old = old; return e }
	for _, test := range []struct {
		name   string
		check  func([]raftEvent) error
		want   bool
		events []raftEvent
	}{
		{"fine", checkLinearizable, true, []raftEvent{at("set", "a", "", 1, 2, ok), at("get", "", "a", 3, 4, ok)}},
		{"stale read", checkLinearizable, false, []raftEvent{at("set", "a", "", 1, 2, ok), at("set", "b", "", 3, 4, ok), at("get", "", "a", 5, 6, ok)}},
		{"lost write", checkLinearizable, false, []raftEvent{at("set", "a", "", 1, 2, ok), at("get", "", "", 3, 4, ok)}},
		{"unknown write shows late", checkLinearizable, true, []raftEvent{at("set", "a", "", 1, 2, ok), at("set", "b", "", 3, 4, unknown), at("get", "", "a", 5, 6, ok), at("get", "", "b", 7, 8, ok)}},
		{"unknown write shows and is gone", checkLinearizable, false, []raftEvent{at("set", "a", "", 1, 2, ok), at("set", "b", "", 3, 4, unknown), at("get", "", "b", 5, 6, ok), at("get", "", "a", 7, 8, ok)}},
		{"increment lost", checkLinearizable, false, []raftEvent{at("incr", "", "1", 1, 2, ok), at("incr", "", "1", 3, 4, ok)}},
		{"increment done twice", checkLinearizable, false, []raftEvent{at("incr", "", "1", 1, 2, ok), at("get", "", "2", 3, 4, ok)}},
		{"swap of a value that is not there", checkLinearizable, false, []raftEvent{at("set", "a", "", 1, 2, ok), swap(at("swap", "c", "b", 3, 4, ok), "b")}},
		{"expired key is back", checkLinearizable, false, []raftEvent{volatile(at("set", "a", "", 1, 2, ok)), volatile(at("get", "", "", 3, 4, ok)), volatile(at("get", "", "a", 5, 6, ok))}},
		{"list is fine", checkAppends, true, []raftEvent{at("append", "a", "", 1, 2, ok), at("append", "b", "", 3, 9, ok), at("get", "", "a", 4, 5, ok), at("get", "", "a,b", 6, 7, ok)}},
		{"item lost", checkAppends, false, []raftEvent{at("append", "a", "", 1, 2, ok), at("get", "", "", 3, 4, ok)}},
		{"item twice", checkAppends, false, []raftEvent{at("append", "a", "", 1, 2, ok), at("get", "", "a,a", 3, 4, ok)}},
		{"item from nowhere", checkAppends, false, []raftEvent{at("get", "", "a", 3, 4, ok)}},
		{"items against the order of time", checkAppends, false, []raftEvent{at("append", "a", "", 1, 2, ok), at("append", "b", "", 3, 4, ok), at("get", "", "b,a", 5, 6, ok)}},
		{"two lists", checkAppends, false, []raftEvent{at("append", "a", "", 1, 9, ok), at("append", "b", "", 1, 9, ok), at("get", "", "a", 2, 3, ok), at("get", "", "b,a", 4, 5, ok)}},
		{"list shrinks", checkAppends, false, []raftEvent{at("append", "a", "", 1, 9, ok), at("get", "", "a", 2, 3, ok), at("get", "", "", 4, 5, ok)}},
		{"write proved by an unknown swap", checkLinearizable, true, []raftEvent{at("set", "a", "", 1, 2, unknown), swap(at("swap", "b", "", 3, 4, unknown), "a"), at("get", "", "b", 5, 6, ok)}},
	} {
		if err := test.check(test.events); (err == nil) != test.want {
			t.Errorf("%s: got %v", test.name, err)
		}
	}
}
