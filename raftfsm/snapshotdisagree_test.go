package raftfsm

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/store"
)

// slotsMessage is some slots as a snapshot names them.
func slotsMessage(first, last uint32) []*storagev1.SlotRange {
	return []*storagev1.SlotRange{{First: first, Last: last}}
}

// A snapshot with good checksums whose parts say different things of a slot was made by no state machine.
func TestSnapshotThatDisagreesWithItselfIsRefused(t *testing.T) {
	handover := func(id uint64, side Side, first, last uint32) *storagev1.SnapshotHandover {
		return &storagev1.SnapshotHandover{Migration: id, Side: uint32(side), Slots: slotsMessage(first, last)}
	}
	for name, c := range map[string]struct {
		change func(h *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter)
		good   bool
	}{
		"a whole one": {func(*storagev1.SnapshotHeader, *storagev1.SnapshotFooter) {}, true},
		"a frozen slot without a hand-over": {func(_ *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter) {
			f.Frozen = slotsMessage(1, 3)
		}, false},
		"an owned slot that is handed over": {func(_ *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter) {
			f.Owned, f.Frozen = slotsMessage(1, 1), slotsMessage(2, 2)
		}, false},
		"a slot that is handed over and in no state": {func(_ *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter) {
			f.Importing = nil
		}, false},
		"the wrong side": {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.Handovers[0].Side = 2 }, false},
		"no side":        {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.Handovers[0].Side = 258 }, false},
		"no migration":   {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.Handovers[0].Migration = 0 }, false},
		"no slots": {func(h *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter) {
			h.Handovers[0].Slots, f.Frozen = nil, nil
		}, false},
		"a migration twice": {func(h *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter) {
			h.Handovers[1].Migration = h.Handovers[0].Migration
		}, false},
		"a slot in two hand-overs": {func(h *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter) {
			h.Handovers = append(h.Handovers, handover(9, SideSource, 2, 2))
		}, false},
		"a slot in two states": {func(_ *storagev1.SnapshotHeader, f *storagev1.SnapshotFooter) {
			f.Owned = slotsMessage(2, 4)
		}, false},
		"slots that do not exist": {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) {
			h.Handovers[0].Slots = slotsMessage(1, 16384)
		}, false},
		"ended at slots that do not exist": {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) {
			h.Ended[0].Slots.Last = 1 << 31
		}, false},
		"ended twice at a slot": {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) {
			h.Ended = append(h.Ended, h.Ended[0])
		}, false},
		"ended nowhere":    {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.Ended[0].Slots = nil }, false},
		"nothing ended":    {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.Ended[0].Migration = 0 }, false},
		"a later layout":   {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.FormatVersion = snapshotFields + 1 }, false},
		"a layout of old":  {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.FormatVersion = 1 }, false},
		"an earlier clock": {func(h *storagev1.SnapshotHeader, _ *storagev1.SnapshotFooter) { h.Handovers[1].FinalTimeMs = -1 }, false},
	} {
		header := &storagev1.SnapshotHeader{
			FormatVersion: snapshotHandovers, Group: 7, Handovers: []*storagev1.SnapshotHandover{handover(4, SideSource, 1, 2), handover(6, SideTarget, 7, 9)},
			Ended: []*storagev1.SnapshotEnded{{Slots: slotsMessage(5, 6)[0], Migration: 3}},
		}
		footer := &storagev1.SnapshotFooter{Frozen: slotsMessage(1, 2), Importing: slotsMessage(7, 9)}
		c.change(header, footer)
		to := New(7, store.New(), &deaf{})
		err := to.Restore(io.NopCloser(bytes.NewReader(written(t, header, footer))))
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if later := header.FormatVersion != snapshotHandovers; err != nil && errors.Is(err, ErrBadSnapshot) == later {
			t.Errorf("%s: %v is taken for damage: %v", name, err, !later)
		}
	}
}

// FuzzSnapshotOfHandOvers gives the loader headers and footers that a hostile writer could make. It never panics, and what it accepts
// is a state that a snapshot keeps.
func FuzzSnapshotOfHandOvers(f *testing.F) {
	seed := func(h *storagev1.SnapshotHeader, x *storagev1.SnapshotFooter) {
		header, _ := proto.Marshal(h)
		footer, _ := proto.Marshal(x)
		f.Add(header, footer)
	}
	state := busy().State()
	seed(state.handoverHeader(&storagev1.SnapshotHeader{}), &storagev1.SnapshotFooter{Frozen: slotsMessage(5, 70), Importing: slotsMessage(7629, 7630)})
	seed(&storagev1.SnapshotHeader{Ended: []*storagev1.SnapshotEnded{{Slots: slotsMessage(5, 6)[0], Migration: 3}}}, &storagev1.SnapshotFooter{Owned: slotsMessage(1, 1)})
	seed(&storagev1.SnapshotHeader{Handovers: []*storagev1.SnapshotHandover{{Migration: 1, Side: 1, Slots: slotsMessage(1, 1)}}}, &storagev1.SnapshotFooter{Frozen: slotsMessage(1, 1)})
	f.Fuzz(func(t *testing.T, header, footer []byte) {
		h, x := &storagev1.SnapshotHeader{}, &storagev1.SnapshotFooter{}
		if proto.Unmarshal(header, h) != nil || proto.Unmarshal(footer, x) != nil {
			return
		}
		h.FormatVersion, h.Group, h.StampKind, x.ChunkCount, x.KeyCount = snapshotHandovers, 7, 0, 0, 0
		to := &replica{FSM: New(7, store.New(), &deaf{})}
		if to.restore(written(t, h, x)) != nil {
			return
		}
		to.SetSnapshotPace(PaceFull)
		again := restored(t, to.snapshot(t))
		if !reflect.DeepEqual(again.State(), to.State()) || again.store.Digest() != to.store.Digest() {
			t.Errorf("restored as %+v, want %+v", again.State(), to.State())
		}
	})
}

// written is a snapshot without keys, with good checksums.
func written(t *testing.T, header *storagev1.SnapshotHeader, footer *storagev1.SnapshotFooter) []byte {
	var out bytes.Buffer
	out.WriteString(snapshotMagic)
	w := frameWriter{to: &out}
	for _, f := range []struct {
		kind byte
		m    proto.Message
	}{{frameHeader, header}, {frameFooter, footer}} {
		body, err := proto.Marshal(f.m)
		if err == nil {
			err = w.write(frame{kind: f.kind, rawBytes: len(body), body: append(make([]byte, frameHeadBytes), body...)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
