package crashstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/holtcache/holt/shard/logstore"
)

var (
	// ErrCrashed is the error of a log write after the power went.
	ErrCrashed = errors.New("the power is gone")

	// ErrDisk is the error of an injected fault.
	ErrDisk = errors.New("injected I/O error")
)

// Defect is a planted bug, for tests that must notice it.
type Defect uint8

const (
	// NoDefect is the store as it should be.
	NoDefect Defect = iota
	// VoteInTwoSteps makes the term of a vote durable before its candidate (hashicorp/raft#661).
	VoteInTwoSteps
)

// Loss says what a crash leaves of the writes that were not synced.
type Loss uint8

const (
	// LoseNothing is a killed process: the kernel still has every write, and a later power cut may take it.
	LoseNothing Loss = iota + 1
	// LoseUnsynced is a power cut before the kernel wrote anything.
	LoseUnsynced
	// LoseSuffix is a power cut after the kernel wrote a random part, in order.
	LoseSuffix
	// TearRecord is LoseSuffix with half of the next record on disk; the next Open drops it.
	TearRecord
)

// Config describes a disk.
type Config struct {
	Group  uint64
	Sync   logstore.SyncPolicy // zero means SyncAlways; with the others log entries wait for Disk.Sync
	Seed   uint64              // decides what a crash leaves
	Defect Defect
}

// Stats counts what happened to a disk.
type Stats struct {
	Syncs       uint64 // fsyncs that took effect, of log and stable store
	Crashes     uint64
	LostRecords uint64 // log records that a crash took
	TornRecords uint64 // half records that an Open dropped
}

// Disk holds the durable image of one replica, and what was written but not synced.
type Disk struct {
	cfg Config

	mu        sync.Mutex // protects the fields below; never held while a sync hangs
	random    *rand.Rand
	epoch     uint64            // raised by every crash: handles of an older epoch are ghosts
	off       bool              // the power went, Crash has not been called yet
	log       *image            // durable entries and marks of the log
	unsynced  []record          // written behind log, in order
	torn      int               // half records at the end of the log
	stable    map[string][]byte // durable; a write that returned is never lost
	answered  map[string][]byte // what stable writes of this epoch have returned for
	snapshots []*snapshot       // durable, newest last
	nextID    uint64
	faults    faults
	stats     Stats
}

// New returns an empty disk.
func New(cfg Config) *Disk {
	if cfg.Sync == 0 {
		cfg.Sync = logstore.SyncAlways
	}
	return &Disk{
		cfg:      cfg,
		random:   rand.New(rand.NewPCG(cfg.Seed, cfg.Group)),
		log:      newImage(),
		stable:   map[string][]byte{},
		answered: map[string][]byte{},
	}
}

// Crash takes the power away, if CutPowerAfter has not done so already, and decides what of the unsynced log records
// is left. What was open becomes a ghost. A stable write that had returned must be durable: anything else panics.
func (d *Disk) Crash(loss Loss) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, value := range d.answered {
		if string(d.stable[name]) != string(value) {
			panic(fmt.Sprintf("crashstore: the stable write of %q returned and was lost", name))
		}
	}
	kept := 0
	switch loss {
	case LoseNothing, LoseUnsynced:
	case LoseSuffix, TearRecord:
		kept = d.random.IntN(len(d.unsynced) + 1)
	default:
		panic(fmt.Sprintf("crashstore: unknown loss %d", loss))
	}
	if loss != LoseNothing {
		d.log.apply(d.unsynced[:kept])
		if loss == TearRecord && kept < len(d.unsynced) {
			d.torn++
		}
		d.stats.LostRecords += uint64(len(d.unsynced) - kept)
		d.unsynced = nil
	}
	d.stats.Crashes++
	clear(d.answered)
	d.epoch++
	d.off = false
	d.faults.disarm()
}

// Sync makes every written log record durable. The owner calls it once a second of its clock under SyncEverySec.
func (d *Disk) Sync() error {
	d.mu.Lock()
	epoch := d.epoch
	d.mu.Unlock()
	return d.syncLog(epoch)
}

// Stats returns the counters.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// ghost reports whether a handle of that epoch has lost its disk.
func (d *Disk) ghostLocked(epoch uint64) bool { return d.off || epoch != d.epoch }

// syncLog makes the log durable as it is when the fsync begins.
func (d *Disk) syncLog(epoch uint64) error {
	d.mu.Lock()
	count := len(d.unsynced)
	d.mu.Unlock()
	if err := d.fsync(epoch, ofLog); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ghostLocked(epoch) {
		return ErrCrashed
	}
	count = min(count, len(d.unsynced)) // another sync may have been faster
	d.log.apply(d.unsynced[:count])
	d.unsynced = d.unsynced[count:]
	return nil
}
