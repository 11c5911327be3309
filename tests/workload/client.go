package workload

import (
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Client does operations one after another.
type Client interface {
	// attempt makes one attempt at an operation and fills in what it was answered. The error says what became of it
	// otherwise (outcomeOf).
	attempt(o *model.Op) error
	Close() error
}

// Modes are what a connection asks for beside commands; empty ones are not asked for.
type Modes struct {
	Read string // LEASE, INDEX or STALE
	Ack  string // MAJORITY or ASYNC
}

func (m Modes) commands() [][]string {
	var list [][]string
	if m.Read == stale {
		list = append(list, []string{"READONLY"})
	}
	if m.Read != "" {
		list = append(list, []string{"CLIENT", "READMODE", m.Read})
	}
	if m.Ack != "" {
		list = append(list, []string{"CLIENT", "DURABILITY", m.Ack})
	}
	return list
}

const stale = "STALE"

// errNotSent says that a request has never left the client.
var errNotSent = ServerError("CLUSTERDOWN not sent: the node can't be reached")

// withheld is an error from before the write of an operation was sent: whatever it was, nothing was applied.
type withheld struct{ error }

func (w withheld) Unwrap() error { return w.error }

// RequestTimeout is after what time a client gives an answer up. It is longer than a server holds a request.
const RequestTimeout = 2500 * time.Millisecond
