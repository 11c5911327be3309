package hostile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holtcache/holt/tests/workload"
)

// Waits are how long a client that does nothing wrong waited for its answers.
type Waits struct {
	Requests int
	// Median, P99 and Max are in microseconds.
	Median, P99, Max int64
	// Work is the most processor time that the node used up during one of them, in microseconds. Where Max is long and Work is
	// not, the machine was busy with others.
	Work int64
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

// Bystander is a client of the node at addr, whose process is pid, until ctx ends: it asks on a connection that it had before, writes and reads on another, and asks on
// new ones.
func Bystander(ctx context.Context, addr string, pid int) (Waits, error) {
	w := waits{pid: pid}
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
				began, work := time.Now(), w.worked()
				err := request()
				w.note(time.Since(began), w.worked()-work, err)
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
	pid int

	mu       sync.Mutex // protects the fields below
	took     []time.Duration
	work     time.Duration
	failures []string
}

// worked is the processor time that the node has used up; 0 where it has ended.
func (w *waits) worked() time.Duration {
	const ofProcess = 2 // CPUCLOCK_SCHED of all threads; clock_getcpuclockid(3) makes the number so
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^w.pid<<3|ofProcess), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

func (w *waits) note(took, work time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.work = max(w.work, work)
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
	return Waits{
		n, w.took[(n-1)/2].Microseconds(), w.took[(n*99+99)/100-1].Microseconds(), w.took[n-1].Microseconds(), w.work.Microseconds(), w.failures,
	}
}
