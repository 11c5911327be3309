package raftfsm

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/store"
)

// Restore reads a whole snapshot, checks it, and only then replaces store and state: a damaged one changes nothing. It
// reads r from one goroutine, to the end also of a damaged one, so that a store that checks what it gives finds it damaged too.
func (f *FSM) Restore(r io.ReadCloser) error {
	defer r.Close()
	loader := newSnapshotLoader(r, f.group, f.store.Empty())
	state, err := loader.load()
	if errors.Is(err, ErrBadSnapshot) {
		if _, drainErr := io.Copy(io.Discard, r); drainErr != nil {
			err = errors.Join(err, drainErr)
		}
	}
	if err != nil {
		return fmt.Errorf("restore snapshot of group %d: %w", f.group, err)
	}
	f.store.Replace(loader.store)
	f.setState(state)
	f.snapshots.saved.Store(f.snapshots.changes.Load())
	f.listener.Restored(state)
	return nil
}

// soloChunks is how many chunks one worker loads alone, 16 MiB: a small snapshot is read in no time, and other processes keep
// their processors.
const soloChunks = 64

// snapshotLoader fills an empty store: the caller of load reads and checks frames, workers unpack and load them.
type snapshotLoader struct {
	frames frameReader
	group  uint64
	store  *store.Store

	chunks  chan frame
	spare   chan []byte // memory of frames that are loaded
	workers int         // how many may run
	running sync.WaitGroup
	keys    atomic.Uint64
	// layout and now are the header's: its format version, and the time of the last record.
	layout uint32
	now    int64

	mu     sync.Mutex // protects the field below
	failed error      // the first fault that a worker met
}

func newSnapshotLoader(r io.Reader, group uint64, empty *store.Store) *snapshotLoader {
	workers := runtime.GOMAXPROCS(0)
	return &snapshotLoader{
		workers: workers,
		frames:  frameReader{from: bufio.NewReaderSize(r, chunkBytes)}, group: group, store: empty,
		chunks: make(chan frame, workers), spare: make(chan []byte, 3*workers),
	}
}

// load returns when no worker is left.
func (l *snapshotLoader) load() (State, error) {
	header, err := l.header()
	if err != nil {
		return State{}, err
	}
	handovers, handedOver, err := handoversOf(header.Handovers)
	if err != nil {
		return State{}, err
	}
	ended, err := endedSlotsOf(header.Ended)
	if err != nil {
		return State{}, err
	}
	l.layout, l.now = header.FormatVersion, header.TimeMs
	l.running.Go(l.run)
	footer, read, err := l.readChunks()
	close(l.chunks)
	l.running.Wait()
	if err = errors.Join(l.fault(), err); err != nil {
		return State{}, err
	}
	if keys := l.keys.Load(); keys != footer.KeyCount || uint64(read) != uint64(footer.ChunkCount) {
		return State{}, fmt.Errorf("%w: %d keys in %d chunks, its footer says %d in %d", ErrBadSnapshot, keys, read, footer.KeyCount, footer.ChunkCount)
	}
	l.store.SetStampKind(store.StampKind(header.StampKind))
	states, err := slotStatesOf(footer, handedOver)
	if err != nil {
		return State{}, err
	}
	l.setStates(states)
	return State{
		Applied: header.AppliedIndex, AppliedTerm: header.AppliedTerm,
		Incarnation: header.Incarnation, Sequence: header.Sequence,
		Version: header.Version, Time: header.TimeMs, Released: header.Released, Assigned: header.Assigned,
		Handovers: handovers, ended: ended,
	}, nil
}

func (l *snapshotLoader) header() (*storagev1.SnapshotHeader, error) {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(l.frames.from, magic); err != nil {
		return nil, cut(err)
	}
	if string(magic) != snapshotMagic {
		return nil, fmt.Errorf("%w: it does not begin with %q", ErrBadSnapshot, snapshotMagic)
	}
	f, err := l.frames.read(nil)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	header := &storagev1.SnapshotHeader{}
	if err := proto.Unmarshal(f.body, header); err != nil || f.kind != frameHeader {
		return nil, fmt.Errorf("%w: header: frame of kind %d: %v", ErrBadSnapshot, f.kind, err)
	}
	if header.FormatVersion < snapshotPlain || header.FormatVersion > snapshotFields {
		return nil, fmt.Errorf("format version %d, this program reads %d to %d: run the newer program", header.FormatVersion, snapshotPlain, snapshotFields)
	}
	if header.StampKind > uint32(store.StampsLFU) {
		return nil, fmt.Errorf("%w: stamps of kind %d", ErrBadSnapshot, header.StampKind)
	}
	if header.Group != l.group {
		return nil, fmt.Errorf("%w: it is of group %d", ErrBadSnapshot, header.Group)
	}
	return header, nil
}

// readChunks gives chunks to the workers until the footer comes, which has to be the end.
func (l *snapshotLoader) readChunks() (footer *storagev1.SnapshotFooter, read int, err error) {
	for l.fault() == nil {
		var buf []byte
		select {
		case buf = <-l.spare:
		default:
		}
		f, err := l.frames.read(buf)
		if err != nil {
			return nil, read, err
		}
		switch {
		case f.kind == frameChunk, f.kind == frameResults && l.layout >= snapshotResults:
			if read++; read == soloChunks {
				for range l.workers - 1 {
					l.running.Go(l.run)
				}
			}
			l.chunks <- f
		case f.kind == frameFooter:
			footer = &storagev1.SnapshotFooter{}
			if err := proto.Unmarshal(f.body, footer); err != nil {
				return nil, read, fmt.Errorf("%w: footer: %v", ErrBadSnapshot, err)
			}
			if _, err := io.ReadFull(l.frames.from, make([]byte, 1)); !errors.Is(err, io.EOF) {
				return nil, read, errors.Join(fmt.Errorf("%w: it goes on behind its footer", ErrBadSnapshot), err)
			}
			return footer, read, nil
		default:
			return nil, read, fmt.Errorf("%w: frame of kind %d among the chunks", ErrBadSnapshot, f.kind)
		}
	}
	return nil, read, nil // what the worker met says why
}

// run is one worker.
func (l *snapshotLoader) run() {
	var buf []byte
	for f := range l.chunks {
		raw, err := f.unpack(buf)
		if err == nil && l.fault() == nil {
			err = l.loadFrame(&f, raw)
		}
		if err != nil {
			l.fail(err)
		}
		if f.codec != codecNone && cap(raw) <= frameKeptMax {
			buf = raw
		}
		if cap(f.body) <= frameKeptMax {
			select {
			case l.spare <- f.body:
			default:
			}
		}
	}
}

func (l *snapshotLoader) loadFrame(f *frame, raw []byte) error {
	if f.kind == frameResults {
		return loadResults(l.store, raw, l.now)
	}
	keys, err := loadChunk(l.store, raw, l.layout)
	l.keys.Add(uint64(keys))
	return err
}

func (l *snapshotLoader) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
}

func (l *snapshotLoader) fault() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func (l *snapshotLoader) setStates(states *[slot.Count]store.SlotState) {
	for id, state := range states {
		if state != store.SlotNotOwned {
			sl := l.store.Slot(slot.ID(id))
			sl.Lock()
			sl.SetStateLocked(state)
			sl.Unlock()
		}
	}
}
