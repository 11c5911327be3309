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
	// Incr adds Delta, or one where that is not set, and returns the sum.
	Incr
	// Append adds Arg to the value and returns the length.
	Append
	// Cas reads a key and writes Arg if the key still holds what was read. N says whether it does.
	Cas
	// SetTwins writes Arg to a key and to its twin, as one.
	SetTwins
	// GetTwins reads a key and its twin, as one.
	GetTwins
	// expire is not a client's: the key loses the value Arg to the clock.
	expire
)

var kindNames = [...]string{Get: "GET", Set: "SET", SetNX: "SETNX", Del: "DEL", GetDel: "GETDEL", Incr: "INCR", Append: "APPEND", Cas: "CAS", SetTwins: "SETTWINS", GetTwins: "GETTWINS", expire: "(expire)"}

func (k Kind) String() string { return kindNames[k] }

// MarshalText is the name, so that a history in a file can be read.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads a name.
func (k *Kind) UnmarshalText(text []byte) error {
	i := slices.Index(kindNames[:], string(text))
	if i <= 0 {
		return fmt.Errorf("no operation is called %q", text)
	}
	*k = Kind(i)
	return nil
}

// Writes tells whether the operation may change the key.
func (k Kind) Writes() bool { return k != Get && k != GetTwins }

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

var outcomeNames = [...]string{"not set", "ok", "not applied", "unknown"}

func (o Outcome) String() string { return outcomeNames[o] }

// MarshalText is the name.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads a name.
func (o *Outcome) UnmarshalText(text []byte) error {
	i := slices.Index(outcomeNames[:], string(text))
	if i <= 0 {
		return fmt.Errorf("no outcome is called %q", text)
	}
	*o = Outcome(i)
	return nil
}

// Op is one operation of a client. Times count from the start of the history.
type Op struct {
	Client int
	// Conn tells the connections of a client apart, where a promise holds for one of them only.
	Conn   string `json:",omitempty"`
	Kind   Kind
	Key    string
	Arg    string        `json:",omitempty"`
	Delta  int64         `json:",omitempty"`
	TTL    time.Duration `json:",omitempty"`
	Stale  bool          `json:",omitempty"` // a read that any replica may answer
	Call   time.Duration
	Return time.Duration

	Outcome Outcome
	// Found and Value are what Get, SetNX, GetDel, Cas and GetTwins saw.
	Found bool   `json:",omitempty"`
	Value string `json:",omitempty"`
	// TwinFound and Twin are what GetTwins saw of the twin.
	TwinFound bool   `json:",omitempty"`
	Twin      string `json:",omitempty"`
	// N is the reply of Del, Incr and Append, and 1 for a Cas that wrote.
	N int64 `json:",omitempty"`
	// Err is the error that the client got.
	Err string `json:",omitempty"`
}

// delta is what an Incr adds.
func (o Op) delta() int64 {
	if o.Delta == 0 {
		return 1
	}
	return o.Delta
}

func (o Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%9.3f-%9.3f ms  client %2d  %s %s", ms(o.Call), ms(o.Return), o.Client, o.Kind, o.Key)
	if o.Arg != "" {
		fmt.Fprintf(&b, " %s", o.Arg)
	}
	if o.Delta != 0 {
		fmt.Fprintf(&b, " %d", o.Delta)
	}
	if o.TTL != 0 {
		fmt.Fprintf(&b, " px %d", o.TTL.Milliseconds())
	}
	if o.Stale {
		fmt.Fprintf(&b, " at any replica, connection %s", o.Conn)
	}
	switch {
	case o.Outcome != OK:
		fmt.Fprintf(&b, " -> %s: %s", o.Outcome, o.Err)
	case o.Kind == Del || o.Kind == Incr || o.Kind == Append:
		fmt.Fprintf(&b, " -> %d", o.N)
	case o.Kind == Set || o.Kind == SetTwins:
		b.WriteString(" -> OK")
	case o.Kind == Cas:
		fmt.Fprintf(&b, " -> saw %q, wrote %v", o.Value, o.N == 1)
	case o.Kind == GetTwins:
		fmt.Fprintf(&b, " -> %q and %q", o.Value, o.Twin)
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

// Since lists the operations that were called at or after a time.
func (h *History) Since(from time.Duration) []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ops []Op
	for i := len(h.ops) - 1; i >= 0 && h.ops[i].Return >= from-addedLateMax; i-- {
		if h.ops[i].Call >= from {
			ops = append(ops, h.ops[i])
		}
	}
	return ops
}

// addedLateMax is how much later than others an operation may be added that returned earlier.
const addedLateMax = 10 * time.Second

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

// ByKey splits a history, keys in order.
func ByKey(ops []Op) [][]Op {
	keys, split := byKey(ops)
	list := make([][]Op, len(keys))
	for i, key := range keys {
		list[i] = split[key]
	}
	return list
}
