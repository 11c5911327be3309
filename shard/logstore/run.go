package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// bootIDPath names what the kernel makes up anew at every boot.
const bootIDPath = "/proc/sys/kernel/random/boot_id"

// BootID returns the id of this boot of the machine, "" where the kernel has none: then every start counts as a reboot.
func BootID() string {
	id, err := os.ReadFile(bootIDPath)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// RunConfig describes one run of a node.
type RunConfig struct {
	Path string     // file of the record
	Sync SyncPolicy // that the log begins with
	Boot string     // BootID()
	// Fresh says that the node has nothing on disk, so it cannot have forgotten anything. Without it a record that is
	// missing counts as an unclean reboot.
	Fresh bool
}

// Run records on disk how a node's run began and ended, so that the next one knows whether acknowledged entries may be
// missing: the amnesia guard (PROTOCOL rules 13 and 23). A node whose guard is on neither votes nor campaigns in a group
// until that group's guard is released.
type Run struct {
	path string

	mu    sync.Mutex // protects the fields below; held across the write of the file
	state runState
}

// runState is what the file holds.
type runState struct {
	clean bool
	// weakest is the weakest policy since the last clean end, or since everything was synced for a stronger one: entries
	// of that time may not have been synced.
	weakest SyncPolicy
	boot    string
	// reason is why the guard is on, "" if it is off.
	reason string
	// released are the groups whose guard has ended, in order.
	released []uint64
}

// BeginRun reads how the last run ended and notes durably that another has begun. It must be called before the node
// acknowledges anything.
func BeginRun(cfg RunConfig) (*Run, error) {
	r := &Run{path: cfg.Path}
	old, err := readRunState(cfg.Path)
	switch {
	case err == nil:
	case errors.Is(err, os.ErrNotExist) && cfg.Fresh:
		old = runState{clean: true}
	case errors.Is(err, os.ErrNotExist):
		old = runState{weakest: SyncNo}
	default:
		return nil, fmt.Errorf("run record %s: %w", cfg.Path, err)
	}
	r.state = old.next(cfg)
	if err := r.save(); err != nil {
		return nil, fmt.Errorf("run record %s: %w", cfg.Path, err)
	}
	return r, nil
}

// next is the state of a run that begins after one that left s.
func (s *runState) next(cfg RunConfig) runState {
	n := runState{weakest: cfg.Sync, boot: cfg.Boot, reason: s.reason, released: s.released}
	if s.clean {
		return n
	}
	n.weakest = max(cfg.Sync, s.weakest) // from always to no they get weaker
	if s.weakest != SyncAlways && (cfg.Boot == "" || cfg.Boot != s.boot) {
		n.guard(fmt.Sprintf("the machine stopped without a clean end under appendfsync %s, so entries that were acknowledged may be missing", s.weakest))
		n.weakest = cfg.Sync // what was not synced before the reboot is gone or on disk
	}
	return n
}

// reasonBytesMax bounds the text of all reasons; one that does not fit beside the earlier ones takes their place.
const reasonBytesMax = 2 << 10

// guard turns the guard on for every group. It says every reason since the guard was off in all of them: a power cut, and the
// torn tail that was found after it, say. Once it has ended in some group, the earlier reasons are over for that one.
func (s *runState) guard(reason string) {
	switch {
	case len(s.released) > 0 || s.reason == "" || strings.Contains(reason, s.reason):
	case strings.Contains(s.reason, reason):
		reason = s.reason
	case len(s.reason)+len(reason) < reasonBytesMax:
		reason = s.reason + "; " + reason
	}
	s.reason, s.released = reason, nil
}

// Guard turns the guard on, durably: the log has lost a tail, say.
func (r *Run) Guard(reason string) error {
	return r.change(func(s *runState) { s.guard(reason) })
}

// NoteIOError leaves word that a write failed: what the next run reads may be pages that never reached the disk. It is
// best effort, on a disk that has just failed.
func (r *Run) NoteIOError(cause error) error {
	return r.Guard(fmt.Sprintf("the last run ended after an error of the disk: %v", cause))
}

// Guarded tells whether the guard is on in a group, and why.
func (r *Run) Guarded(group uint64) (bool, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state.reason == "" {
		return false, ""
	}
	if _, released := slices.BinarySearch(r.state.released, group); released {
		return false, ""
	}
	return true, r.state.reason
}

// Release ends the guard in a group, durably. It is also called for a group that this node never had before.
func (r *Run) Release(group uint64) error {
	if on, _ := r.Guarded(group); !on {
		return nil
	}
	return r.change(func(s *runState) {
		if at, released := slices.BinarySearch(s.released, group); !released {
			s.released = slices.Insert(slices.Clone(s.released), at, group)
		}
	})
}

// ReleaseAll ends the guard in every group: the operator accepts that entries are lost.
func (r *Run) ReleaseAll() error {
	return r.change(func(s *runState) { s.reason, s.released = "", nil })
}

// SetSync notes durably that the log is written under another policy. A weaker one is noted before the log goes by it,
// a stronger one once it does and everything that was written before is synced.
func (r *Run) SetSync(p SyncPolicy) error {
	return r.change(func(s *runState) { s.weakest = p })
}

// EndClean notes that everything is synced and closed. The guard stays on where it was.
func (r *Run) EndClean() error {
	return r.change(func(s *runState) { s.clean, s.weakest = true, SyncAlways })
}

func (r *Run) change(apply func(*runState)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.state
	apply(&r.state)
	if err := r.save(); err != nil {
		r.state = before
		return fmt.Errorf("run record %s: %w", r.path, err)
	}
	return nil
}

// save replaces the file as a whole and makes it durable.
func (r *Run) save() error {
	unfinished := r.path + ".new"
	file, err := os.OpenFile(unfinished, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(r.state.encode())
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(unfinished, r.path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(r.path))
}

const (
	runVersion = 1
	markRun    = "run" // names the record in its checksum
)

// encode: version, clean, weakest policy (one byte each), then boot id, reason (length and text), number of released
// groups and their ids, all unsigned varints; a CRC32C ends it.
func (s *runState) encode() []byte {
	b := []byte{runVersion, 0, byte(s.weakest)}
	if s.clean {
		b[1] = 1
	}
	for _, text := range []string{s.boot, s.reason} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.AppendUvarint(b, uint64(len(s.released)))
	for _, group := range s.released {
		b = binary.AppendUvarint(b, group)
	}
	return sealMark(markRun, b)
}

func readRunState(path string) (runState, error) {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return runState{}, err
	}
	s, ok := decodeRunState(sealed)
	if !ok {
		return runState{}, fmt.Errorf("it is damaged, so nobody knows whether this node lost entries; remove the file to have it"+
			" guarded until it has caught up: %w", ErrDamaged)
	}
	return s, nil
}

func decodeRunState(sealed []byte) (s runState, ok bool) {
	b, ok := openMark(markRun, sealed)
	if !ok || len(b) < 3 || b[0] != runVersion || b[1] > 1 || SyncPolicy(b[2]) > SyncNo {
		return s, false
	}
	s.clean, s.weakest = b[1] == 1, SyncPolicy(b[2])
	rest := b[3:]
	number := func() uint64 {
		n, size := binary.Uvarint(rest)
		if size <= 0 {
			ok, rest = false, nil
			return 0
		}
		rest = rest[size:]
		return n
	}
	for _, text := range []*string{&s.boot, &s.reason} {
		n := number()
		if !ok || n > uint64(len(rest)) {
			return s, false
		}
		*text, rest = string(rest[:n]), rest[n:]
	}
	for count := number(); ok && count > 0; count-- {
		s.released = append(s.released, number())
	}
	return s, ok && len(rest) == 0 && slices.IsSorted(s.released)
}
