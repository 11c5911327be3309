package hostile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// Waits are how long a client that does nothing wrong waited for its answers.
type Waits struct {
	Requests int
	// Median, P99 and Max are in microseconds.
	Median, P99, Max int64
	// Failures are errors, one of each text, at most failuresMax.
	Failures []string
}

const (
	failuresMax = 5
	// replyMax is when a bystander no longer waits.
	replyMax = 10 * time.Second
	// beat lies between two requests of one connection.
	beat = 2 * time.Millisecond
)

// Bystander is a client of addr until ctx ends: it asks on a connection that it had before, writes and reads on another, and asks on
// new ones.
func Bystander(ctx context.Context, addr string) (Waits, error) {
	var w waits
	asks, err := workload.Dial(addr, replyMax)
	if err != nil {
		return Waits{}, err
	}
	defer asks.Close()
	works, err := workload.Dial(addr, replyMax)
	if err != nil {
		return Waits{}, err
	}
	defer works.Close()
	var all sync.WaitGroup
	every := func(pause time.Duration, request func() error) {
		all.Go(func() {
			for wait(ctx, pause) {
				began := time.Now()
				err := request()
				w.note(time.Since(began), err)
				if err != nil && !errors.As(err, new(workload.ServerError)) {
					return // the connection is of no use any more
				}
			}
		})
	}
	every(beat, func() error { return want(asks, "PONG", "PING") })
	every(beat, func() error { return want(works, "OK", "SET", "bystander", "there") })
	every(10*beat, func() error {
		conn, err := workload.Dial(addr, replyMax)
		if err != nil {
			return err
		}
		defer conn.Close()
		return want(conn, "PONG", "PING")
	})
	all.Wait()
	return w.told(), nil
}

func want(conn *workload.Conn, reply string, command ...string) error {
	got, err := conn.Do(replyMax, command...)
	if err == nil && got != reply {
		err = fmt.Errorf("%v: got %v", command, got)
	}
	return err
}

// waits collects.
type waits struct {
	mu       sync.Mutex // protects the fields below
	took     []time.Duration
	failures []string
}

func (w *waits) note(took time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took = append(w.took, took)
	if err != nil && len(w.failures) < failuresMax && !slices.Contains(w.failures, err.Error()) {
		w.failures = append(w.failures, err.Error())
	}
}

func (w *waits) told() Waits {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.took)
	if n == 0 {
		return Waits{Failures: w.failures}
	}
	slices.Sort(w.took)
	return Waits{n, w.took[(n-1)/2].Microseconds(), w.took[(n*99+99)/100-1].Microseconds(), w.took[n-1].Microseconds(), w.failures}
}
