package script

import (
	"context"
	"errors"
	"runtime/metrics"
	"strconv"
	"time"

	lua "github.com/yuin/gopher-lua"
)

const (
	// RunMax is how long a script may run: nothing is written in its shard meanwhile. One of few steps takes that long only where the
	// machine is busy with something else, and may go on up to StallMax.
	RunMax   = 100 * time.Millisecond
	StallMax = time.Second
	// MemoryBytesMax is how much memory may be taken while a script runs, by whomever: Go counts for the process only. Others do not
	// take that much in RunMax.
	MemoryBytesMax = 256 << 20
	// stringBytesMax bounds each string that a script makes, with room for a few of the largest values.
	stringBytesMax = 32 << 20

	// stepsAtOnce is after how many steps time and memory are looked at; a step takes some tens of nanoseconds, or handles bytesAStep.
	stepsAtOnce = 64
	bytesAStep  = 256
	// memoryEvery is after what time memory is looked at.
	memoryEvery = time.Millisecond
	// stepsFew are few steps.
	stepsFew = 10_000
	// stepsACall are about what a command takes beside its reply.
	stepsACall = 100
	// arrayLengthMax is up to where elements of a table stand in a row; one assignment makes the row that long.
	arrayLengthMax = 1 << 18
)

func init() { lua.MaxArrayIndex = arrayLengthMax }

var (
	errTime   = errors.New("script ran longer than " + RunMax.String() + " (limit RunMax); nothing of it is applied")
	errMemory = errors.New("script took more than " + strconv.Itoa(MemoryBytesMax>>20) + " MiB of memory (limit MemoryBytesMax); nothing of it is applied")
)

// meter ends a script that goes over its limits. To the Lua machine it is the context that is asked before each instruction.
type meter struct {
	context.Context // which never ends
	// runMax is RunMax but for tests.
	runMax        time.Duration
	began, looked time.Time
	// steps have been taken; at lookAt of them limits are looked at.
	steps, lookAt int
	sample        [1]metrics.Sample
	// allocated is what the process had allocated at the first look.
	allocated uint64
	// stopped says why the script may not go on; once set it stays.
	stopped error
}

var _ context.Context = (*meter)(nil)

func newMeter() *meter {
	m := &meter{Context: context.Background(), runMax: RunMax, began: time.Now(), lookAt: stepsAtOnce}
	m.sample[0].Name = "/gc/heap/allocs:bytes"
	return m
}

var ended = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Done counts a step.
func (m *meter) Done() <-chan struct{} {
	if m.step(); m.stopped != nil {
		return ended
	}
	return nil
}

// Err implements context.Context.
func (m *meter) Err() error { return m.stopped }

func (m *meter) step() { m.took(1) }

// handled counts what a single step has to do with many bytes.
func (m *meter) handled(bytes int) { m.took(bytes / bytesAStep) }

func (m *meter) took(steps int) {
	if m.steps += steps; m.steps >= m.lookAt {
		m.look()
	}
}

func (m *meter) look() {
	m.lookAt = m.steps + stepsAtOnce
	if m.stopped != nil {
		return
	}
	now := time.Now()
	if ran := now.Sub(m.began); ran > max(StallMax, m.runMax) || ran > m.runMax && m.steps > stepsFew {
		m.stopped = errTime
		return
	}
	if now.Sub(m.looked) < memoryEvery {
		return
	}
	first := m.looked.IsZero()
	m.looked = now
	metrics.Read(m.sample[:])
	if bytes := m.sample[0].Value.Uint64(); first {
		m.allocated = bytes
	} else if bytes-m.allocated > MemoryBytesMax {
		m.stopped = errMemory
	}
}
