package raftfsm

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// A snapshot is, in this order:
//
//	magic "HOLTSNAP"
//	frame with the header (storage.v1.SnapshotHeader)
//	one frame a slot that holds keys, in slot order: slot, number of keys, keys in order
//
// A frame is its length, its CRC32C (little-endian, 4 bytes each) and its bytes. The header counts slots and keys, so
// that a snapshot that was cut between two frames is found out too.
const (
	snapshotMagic   = "HOLTSNAP"
	snapshotVersion = 1
	// frameBytesMax bounds what a damaged length can make a reader allocate; a slot larger than it is not written.
	frameBytesMax = 1 << 31
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBadSnapshot marks a snapshot that is damaged or cut short.
var ErrBadSnapshot = errors.New("damaged snapshot")

// Snapshot captures state and store; the slow part is left to Persist.
func (f *FSM) Snapshot() (raft.FSMSnapshot, error) {
	owned := f.store.Owned()
	return &snapshot{group: f.group, state: f.state, owned: owned, slots: f.slotsInUse(), keys: f.store.Len(), capture: f.store.Capture()}, nil
}

// slotsInUse counts the slots that hold keys.
func (f *FSM) slotsInUse() int {
	n := 0
	for id := range slot.ID(slot.Count) {
		sl := f.store.Slot(id)
		sl.RLock()
		if sl.LenLocked() > 0 {
			n++
		}
		sl.RUnlock()
	}
	return n
}

type snapshot struct {
	group   uint64
	state   State
	owned   []slot.Range
	slots   int
	keys    int
	capture *store.Capture
}

// Persist writes the snapshot while entries go on being applied.
func (s *snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.write(sink); err != nil {
		return errors.Join(fmt.Errorf("write snapshot of group %d: %w", s.group, err), sink.Cancel())
	}
	return sink.Close()
}

// Release frees the capture.
func (s *snapshot) Release() { s.capture.Release() }

func (s *snapshot) write(sink io.Writer) error {
	w := bufio.NewWriterSize(sink, 1<<20)
	header := &storagev1.SnapshotHeader{
		FormatVersion: snapshotVersion,
		Group:         s.group,
		AppliedIndex:  s.state.Applied,
		AppliedTerm:   s.state.AppliedTerm,
		Incarnation:   s.state.Incarnation,
		Sequence:      s.state.Sequence,
		Version:       s.state.Version,
		TimeMs:        s.state.Time,
		Released:      s.state.Released,
		Assigned:      s.state.Assigned,
		SlotCount:     uint32(s.slots),
		KeyCount:      uint64(s.keys),
	}
	for _, r := range s.owned {
		header.Owned = append(header.Owned, &storagev1.SlotRange{First: uint32(r.First), Last: uint32(r.Last)})
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(header)
	if err != nil {
		return err
	}
	if _, err := w.WriteString(snapshotMagic); err != nil {
		return err
	}
	if err := writeFrame(w, data); err != nil {
		return err
	}
	for id := range slot.ID(slot.Count) {
		if data = s.appendSlot(data[:0], id); len(data) == 0 {
			continue
		}
		if err := writeFrame(w, data); err != nil {
			return fmt.Errorf("slot %d: %w", id, err)
		}
	}
	return w.Flush()
}

func writeFrame(w *bufio.Writer, data []byte) error {
	if len(data) >= frameBytesMax {
		return fmt.Errorf("%d bytes in one frame, at most %d can be written", len(data), frameBytesMax-1)
	}
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], uint32(len(data)))
	binary.LittleEndian.PutUint32(head[4:], crc32.Checksum(data, castagnoli))
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// appendSlot appends the frame of a slot, nothing for one without keys.
func (s *snapshot) appendSlot(dst []byte, id slot.ID) []byte {
	captured := s.capture.Slot(id)
	defer captured.Done()
	if captured.Len() == 0 {
		return dst
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(id))
	dst = binary.AppendUvarint(dst, uint64(captured.Len()))
	for key, item := range captured.All() {
		dst = binary.AppendUvarint(dst, uint64(len(key)))
		dst = append(dst, key...)
		dst = append(dst, byte(item.Type))
		dst = binary.AppendUvarint(dst, uint64(item.ExpireAt))
		dst = binary.AppendUvarint(dst, item.Version)
		dst = binary.AppendUvarint(dst, uint64(len(item.Value)))
		dst = append(dst, item.Value...)
	}
	return dst
}

// Restore reads a whole snapshot, checks it, and only then replaces store and state: a damaged one changes nothing.
func (f *FSM) Restore(r io.ReadCloser) error {
	defer r.Close()
	state, loaded, err := readSnapshot(bufio.NewReaderSize(r, 1<<20), f.group, f.store.Empty())
	if err != nil {
		return fmt.Errorf("restore snapshot of group %d: %w", f.group, err)
	}
	f.store.Replace(loaded)
	f.setState(state)
	f.listener.Restored(state)
	return nil
}

// readSnapshot fills the empty store loaded.
func readSnapshot(r *bufio.Reader, group uint64, loaded *store.Store) (State, *store.Store, error) {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != snapshotMagic {
		return State{}, nil, fmt.Errorf("%w: it does not begin with %q", ErrBadSnapshot, snapshotMagic)
	}
	data, err := readFrame(r, nil)
	if err != nil {
		return State{}, nil, fmt.Errorf("header: %w", err)
	}
	var header storagev1.SnapshotHeader
	if err := proto.Unmarshal(data, &header); err != nil {
		return State{}, nil, fmt.Errorf("%w: header: %v", ErrBadSnapshot, err)
	}
	if header.FormatVersion != snapshotVersion {
		return State{}, nil, fmt.Errorf("format version %d, this program reads %d: run the newer program", header.FormatVersion, snapshotVersion)
	}
	if header.Group != group {
		return State{}, nil, fmt.Errorf("%w: it is of group %d", ErrBadSnapshot, header.Group)
	}
	for _, o := range header.Owned {
		if o.First > o.Last || o.Last >= slot.Count {
			return State{}, nil, fmt.Errorf("%w: owned slots %d-%d", ErrBadSnapshot, o.First, o.Last)
		}
		for id := o.First; id <= o.Last; id++ {
			loaded.Slot(slot.ID(id)).SetStateLocked(store.SlotOwned)
		}
	}
	for frames := uint32(0); ; frames++ {
		data, err = readFrame(r, data)
		if errors.Is(err, io.EOF) && frames == header.SlotCount {
			break
		}
		if err == nil && frames == header.SlotCount || errors.Is(err, io.EOF) {
			return State{}, nil, fmt.Errorf("%w: its header says %d slots, it holds another number", ErrBadSnapshot, header.SlotCount)
		}
		if err != nil {
			return State{}, nil, err
		}
		if err := loadSlot(loaded, data); err != nil {
			return State{}, nil, err
		}
	}
	if got := uint64(loaded.Len()); got != header.KeyCount {
		return State{}, nil, fmt.Errorf("%w: %d keys, its header says %d", ErrBadSnapshot, got, header.KeyCount)
	}
	return State{
		Applied: header.AppliedIndex, AppliedTerm: header.AppliedTerm,
		Incarnation: header.Incarnation, Sequence: header.Sequence,
		Version: header.Version, Time: header.TimeMs, Released: header.Released, Assigned: header.Assigned,
	}, loaded, nil
}

// readFrame reads one frame into buf, or says io.EOF where the stream ends between two frames.
func readFrame(r *bufio.Reader, buf []byte) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
		return nil, io.EOF
	} else if err != nil {
		return nil, fmt.Errorf("%w: cut inside a frame", ErrBadSnapshot)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n >= frameBytesMax {
		return nil, fmt.Errorf("%w: frame of %d bytes", ErrBadSnapshot, n)
	}
	// Memory grows with what is really there, not with what a damaged length says.
	data, err := readUpTo(r, buf[:0], int(n))
	if err != nil {
		return nil, fmt.Errorf("%w: cut inside a frame", ErrBadSnapshot)
	}
	if got, want := crc32.Checksum(data, castagnoli), binary.LittleEndian.Uint32(head[4:]); got != want {
		return nil, fmt.Errorf("%w: checksum %#08x, want %#08x", ErrBadSnapshot, got, want)
	}
	return data, nil
}

func readUpTo(r io.Reader, dst []byte, n int) ([]byte, error) {
	for len(dst) < n {
		step := min(n-len(dst), 1<<20)
		start := len(dst)
		dst = append(dst, make([]byte, step)...)
		if _, err := io.ReadFull(r, dst[start:]); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func loadSlot(s *store.Store, data []byte) error {
	d := frameReader{rest: data}
	id := d.slot()
	n := d.uvarint()
	sl := s.Slot(id)
	for ; n > 0 && !d.bad; n-- {
		e := entry.Effect{Kind: entry.EffectSet}
		e.Key = d.bytes(d.uvarint())
		if tag := d.bytes(1); tag != nil {
			e.Type = entry.Type(tag[0])
		}
		e.ExpireAt = int64(d.uvarint())
		e.Version = d.uvarint()
		e.Value = d.bytes(d.uvarint())
		if !d.bad {
			sl.ApplyLocked(&e)
		}
	}
	if d.bad || len(d.rest) != 0 {
		return fmt.Errorf("%w: slot %d is malformed", ErrBadSnapshot, id)
	}
	return nil
}

// frameReader reads a frame front to back; after the first fault every read gives zero.
type frameReader struct {
	rest []byte
	bad  bool
}

func (d *frameReader) bytes(n uint64) []byte {
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

func (d *frameReader) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	if d.bad || n <= 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *frameReader) slot() slot.ID {
	b := d.bytes(2)
	if b == nil {
		return 0
	}
	id := slot.ID(binary.LittleEndian.Uint16(b))
	d.bad = d.bad || id >= slot.Count
	return min(id, slot.Count-1)
}
