package migration

import (
	"log/slog"
	"time"
)

// Config is what a driver is made of.
type Config struct {
	Group Group
	Meta  Meta
	Wire  Wire
	// Permits are shared by the drivers of a node; nil for a driver on its own.
	Permits Permits
	Limits  Limits
	// Hook hears of steps; nil for nobody.
	Hook   Hook
	Logger *slog.Logger
}

// Limits bound what a migration holds and how long it waits. Each has a default for its zero value.
type Limits struct {
	// ChunkBytes is where a chunk is closed. Default 256 KiB, as a batch of the executor. A value that is larger travels alone.
	ChunkBytes int
	// WindowBytes is how much is sent without the target's word. Default 4 MiB: 16 chunks, more than a round trip takes.
	WindowBytes int
	// QueueBytes is how much may wait, what is sent included, before copying pauses. Default 8 MiB.
	QueueBytes int
	// QueueBytesMax is where an attempt is given up, because changes come faster than the target takes them. Default 128 MiB:
	// room for two values of the largest size.
	QueueBytesMax int
	// OverflowsMax is how many attempts may end like that before the migration is aborted. Default 3.
	OverflowsMax int
	// StuckMax is how many streams may end one after another without a chunk that has arrived, before the migration is aborted:
	// a chunk may be larger than what nodes take from each other. Default 20: with the pauses between them, over ten seconds.
	StuckMax int
	// FreezeBytes is how much may wait when the slots are frozen: what is sent in the pause. Default 128 KiB: half a chunk.
	FreezeBytes int
	// FrozenMax is how long slots stay frozen without a decision before an abort is proposed. The decision that is recorded
	// first counts. Default 10 s: a target that has lost its leader has another by then.
	FrozenMax time.Duration
	// FrozenKeysMax is how many keys a new leader of the source copies again while the slots are frozen; where there are more
	// it proposes an abort. Default 100,000: less than a second.
	FrozenKeysMax int
	// OpenMax is how long a stream may take to begin, AnswerMax how long the target's word may take. Defaults 5 s and 2 s.
	OpenMax, AnswerMax time.Duration
	// UnreachableMax is how long an attempt waits for the target to be reached again. Default 10 s; later ones begin anew.
	UnreachableMax time.Duration
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.ChunkBytes, 256<<10)
	setDefault(&l.WindowBytes, 4<<20)
	setDefault(&l.QueueBytes, 8<<20)
	setDefault(&l.QueueBytesMax, 128<<20)
	setDefault(&l.OverflowsMax, 3)
	setDefault(&l.StuckMax, 20)
	setDefault(&l.FreezeBytes, 128<<10)
	setDefault(&l.FrozenMax, 10*time.Second)
	setDefault(&l.FrozenKeysMax, 100_000)
	setDefault(&l.OpenMax, 5*time.Second)
	setDefault(&l.AnswerMax, 2*time.Second)
	setDefault(&l.UnreachableMax, 10*time.Second)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var unset T
	if *field == unset {
		*field = value
	}
}

// Permits bound how many migrations a node sends at a time: each needs memory and processor, and all of them together end no
// sooner.
type Permits chan struct{}

// NewPermits lets n migrations be sent at a time.
func NewPermits(n int) Permits { return make(Permits, n) }
