package migration

import (
	"sync"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
)

// Stage is how far one side of a migration has come.
type Stage uint8

const (
	// StageWaiting: others are sent first, or the other shard cannot be reached.
	StageWaiting Stage = 1
	// StageCopying: keys and their changes are on their way.
	StageCopying Stage = 2
	// StageCatchingUp: every slot is copied, the last changes are on their way.
	StageCatchingUp Stage = 3
	// StageFrozen: the slots are frozen until it is decided who owns them.
	StageFrozen Stage = 4
	// StageEnding: it was decided, and this side does what follows.
	StageEnding Stage = 5
)

// String names the stage for people.
func (s Stage) String() string {
	switch s {
	case StageWaiting:
		return "waiting"
	case StageCopying:
		return "copying"
	case StageCatchingUp:
		return "catching up"
	case StageFrozen:
		return "frozen"
	case StageEnding:
		return "ending"
	}
	return "unknown"
}

// Progress is what a node knows of a migration that it drives for one of the two shards. It is lost with the node's
// leadership: the next leader begins to count anew.
type Progress struct {
	Migration uint64
	From, To  slot.ShardID
	Ranges    []slot.Range
	// Side is the part that the reporting shard plays. The counts below are the source's.
	Side  raftfsm.Side
	Stage Stage
	// Since is when this node began to drive it.
	Since   time.Time
	Attempt entry.Attempt
	// Slots and Keys are how many there are to copy; SlotsCopied and KeysCopied how many are.
	Slots, SlotsCopied int
	Keys, KeysCopied   uint64
	// Effects are changes that were queued behind the copy.
	Effects uint64
	// BytesArrived is what the target has of this attempt, BytesWaiting what it does not have yet.
	BytesArrived, BytesWaiting uint64
	// Frozen is how long the slots were, or have been, frozen without a decision.
	Frozen time.Duration
	// Err is what the driver met last, "" where it goes on well.
	Err string
}

// progress is a Progress that others may look at while it grows.
type progress struct {
	mu       sync.Mutex // protects the fields below
	Progress            // but for what is in queue
	queue    *queue
	frozenAt time.Time
}

func newProgress(m meta.Migration, s side) *progress {
	return &progress{Progress: Progress{
		Migration: m.ID, From: m.From, To: m.To, Ranges: m.Ranges, Side: s, Stage: StageWaiting, Since: time.Now(), Slots: m.Slots(),
	}}
}

func (p *progress) update(change func(*progress)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *progress) stage(s Stage) {
	p.update(func(p *progress) {
		switch {
		case s == StageFrozen && p.frozenAt.IsZero():
			p.frozenAt = time.Now()
		case s == StageEnding && !p.frozenAt.IsZero() && p.Frozen == 0:
			p.Frozen = time.Since(p.frozenAt)
		}
		p.Stage = s
	})
}

// begin counts a new attempt.
func (p *progress) begin(q *queue, keys uint64) {
	p.update(func(p *progress) {
		p.Attempt, p.queue, p.Keys, p.SlotsCopied = q.attempt, q, keys, 0
	})
}

func (p *progress) failed(err error) {
	p.update(func(p *progress) {
		if p.Err = ""; err != nil {
			p.Err = err.Error()
		}
	})
}

func (p *progress) snapshot() Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.Progress
	if p.queue != nil {
		stats := p.queue.counts()
		waiting, _ := p.queue.waiting()
		s.KeysCopied, s.Effects, s.BytesArrived, s.BytesWaiting = stats.keys, stats.effects, stats.arrivedBytes, uint64(waiting)
	}
	if s.Stage == StageFrozen {
		s.Frozen = time.Since(p.frozenAt)
	}
	return s
}
