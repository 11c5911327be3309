package model

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kind is what an operation does. The zero value means "not set".
type Kind uint8

const (
	// Get reads a key.
	Get Kind = iota + 1
	// Set writes Arg, with an expiry where TTL is set.
	Set
	// SetNX writes Arg if the key is missing, and returns what it saw.
	SetNX
	// Del deletes a key and says whether there was one.
	Del
	// GetDel deletes a key and returns what it saw.
	GetDel
	// Incr adds one and returns the sum.
	Incr
	// Append adds Arg to the value and returns the length.
	Append
	// expire is not a client's: the key loses the value Arg to the clock.
	expire
)

var kindNames = [...]string{Get: "GET", Set: "SET", SetNX: "SETNX", Del: "DEL", GetDel: "GETDEL", Incr: "INCR", Append: "APPEND", expire: "(expire)"}

func (k Kind) String() string { return kindNames[k] }

// Writes tells whether the operation may change the key.
func (k Kind) Writes() bool { return k != Get }

// Outcome is what a client knows of an operation. The zero value means "not set".
type Outcome uint8

const (
	// OK: answered, and the answer is that of the operation.
	OK Outcome = iota + 1
	// NotApplied: refused, and it never takes effect.
	NotApplied
	// Unknown: it may have taken effect, or may still do so.
	Unknown
)

func (o Outcome) String() string { return [...]string{"not set", "ok", "not applied", "unknown"}[o] }

// Op is one operation of a client. Times count from the start of the history.
type Op struct {
	Client int
	Kind   Kind
	Key    string
	Arg    string
	TTL    time.Duration
	Call   time.Duration
	Return time.Duration

	Outcome Outcome
	// Found and Value are what Get, SetNX and GetDel saw.
	Found bool
	Value string
	// N is the reply of Del, Incr and Append.
	N int64
	// Err is the error that the client got.
	Err string
}

func (o Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%9.3f-%9.3f ms  client %2d  %s %s", ms(o.Call), ms(o.Return), o.Client, o.Kind, o.Key)
	if o.Arg != "" {
		fmt.Fprintf(&b, " %s", o.Arg)
	}
	if o.TTL != 0 {
		fmt.Fprintf(&b, " px %d", o.TTL.Milliseconds())
	}
	switch {
	case o.Outcome != OK:
		fmt.Fprintf(&b, " -> %s: %s", o.Outcome, o.Err)
	case o.Kind == Del || o.Kind == Incr || o.Kind == Append:
		fmt.Fprintf(&b, " -> %d", o.N)
	case o.Kind == Set:
		b.WriteString(" -> OK")
	case o.Found:
		fmt.Fprintf(&b, " -> %q", o.Value)
	default:
		b.WriteString(" -> nil")
	}
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// History records operations of many clients.
type History struct {
	start time.Time

	mu  sync.Mutex // protects the field below
	ops []Op
}

// NewHistory returns an empty history that begins now.
func NewHistory() *History { return &History{start: time.Now()} }

// Now is the time since the history's start.
func (h *History) Now() time.Duration { return time.Since(h.start) }

// Add records an operation that has returned.
func (h *History) Add(o Op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
}

// Ops lists what was recorded, by time of call.
func (h *History) Ops() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := slices.Clone(h.ops)
	slices.SortStableFunc(ops, func(a, b Op) int { return int(a.Call - b.Call) })
	return ops
}

// Acknowledged counts the writes that were answered OK between two times.
func (h *History) Acknowledged(from, to time.Duration) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, o := range h.ops {
		if o.Outcome == OK && o.Kind.Writes() && o.Call >= from && o.Return <= to {
			n++
		}
	}
	return n
}

// byKey splits a history, keys in order.
func byKey(ops []Op) ([]string, map[string][]Op) {
	split := map[string][]Op{}
	var keys []string
	for _, o := range ops {
		if split[o.Key] == nil {
			keys = append(keys, o.Key)
		}
		split[o.Key] = append(split[o.Key], o)
	}
	slices.Sort(keys)
	return keys, split
}

// listing is a history as text.
func listing(ops []Op) string {
	var b strings.Builder
	for _, o := range ops {
		b.WriteString("  " + o.String() + "\n")
	}
	return b.String()
}
