package shard_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/raftfsm"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

// snapshotFiles lists the snapshots of a folder, newest first.
func snapshotFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "snapshots", "*.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	index := func(path string) (i int) {
		_, _ = fmt.Sscanf(filepath.Base(path), "%d-%d", new(int), &i)
		return i
	}
	slices.SortFunc(files, func(a, b string) int { return index(b) - index(a) })
	return files
}

// flipBit flips one bit at a part of a file: 0 is its beginning, 1 its end.
func flipBit(t *testing.T, path string, part float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[int(part*float64(len(data)-1))] ^= 0x20
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Two snapshots are kept, and the log back to the older one. So whichever region of the newest is damaged, the older one
// with the log gives the same state; where both are, the replica refuses to start and names them.
func TestEitherSnapshotWithItsLogGivesTheSameState(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	s := mustOpenSolo(t, dir, io.Discard)
	s.awaitServing(t)
	for round := range 4 {
		for i := range 60 {
			if err := s.set(ctx, fmt.Sprint("key", i*(round+1)), fmt.Sprint("round ", round)); err != nil {
				t.Fatal(err)
			}
		}
		if round < 3 {
			if err := s.replica.Save(ctx, raftfsm.PaceFull); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, keys := s.replica.Store().Digest(), s.replica.Store().Len()
	s.mustClose(t)
	if files := snapshotFiles(t, dir); len(files) != 2 {
		t.Fatalf("%v are kept, want two", files)
	}
	for _, part := range []float64{-1, 0, 0.02, 0.1, 0.3, 0.5, 0.9, 0.99, 1} {
		folder := copied(t, dir)
		files := snapshotFiles(t, folder)
		if part >= 0 {
			flipBit(t, files[0], part)
		}
		var said bytes.Buffer
		again := mustOpenSolo(t, folder, &said)
		again.awaitServing(t)
		if got := again.replica.Store(); got.Digest() != want || got.Len() != keys {
			t.Errorf("damage at %v: %d keys with digest %x, want %d with %x", part, got.Len(), got.Digest(), keys, want)
		}
		again.mustClose(t)
		if text := said.String(); part >= 0 && (!strings.Contains(text, files[0]) || !strings.Contains(text, files[1])) {
			t.Errorf("damage at %v: the log does not name both files: %s", part, text)
		}
		if part < 0 {
			continue
		}
		flipBit(t, files[1], part)
		_, err := openSolo(t, folder, io.Discard, nil)
		if !errors.Is(err, logstore.ErrBadSnapshot) || !strings.Contains(err.Error(), files[0]) || !strings.Contains(err.Error(), files[1]) {
			t.Errorf("damage in both at %v: %v, want a refusal that names both", part, err)
		}
	}
}

// The node's turn lets one group write a snapshot at a time, and a replica that is closed meanwhile does not wait for it.
func TestSnapshotWaitsForTheTurn(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	turn := shard.NewTurn()
	s, err := openSolo(t, t.TempDir(), io.Discard, turn)
	if err != nil {
		t.Fatal(err)
	}
	s.awaitServing(t)
	if err := s.set(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	if status := s.replica.SaveStatus(); status.Unsaved != 1 || !status.Last.IsZero() || status.Saves != 0 {
		t.Errorf("before any snapshot: %+v", status)
	}
	give := turn.Take()
	short, cancelShort := context.WithTimeout(ctx, 20*time.Millisecond)
	if err := s.replica.Snapshot(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a snapshot while another group has the turn: %v", err)
	}
	cancelShort()
	give()
	before := time.Now()
	if err := s.replica.Snapshot(ctx); err != nil {
		t.Fatal(err)
	}
	status := s.replica.SaveStatus()
	if status.Unsaved != 0 || status.Last.Before(before) || status.Saves != 1 || status.Err != nil || !status.Began.IsZero() || status.Held.Max == 0 {
		t.Errorf("after a snapshot: %+v", status)
	}
	give = turn.Take()
	waiting := make(chan error, 1)
	go func() { waiting <- s.replica.Snapshot(ctx) }()
	s.mustClose(t)
	if err := <-waiting; err == nil {
		t.Error("a snapshot was taken of a closed replica")
	}
	give()
}

// A snapshot that fails is reported and changes nothing; the next one is taken.
func TestFailedSnapshotIsReportedAndTriedAgain(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := t.TempDir()
	s := mustOpenSolo(t, dir, io.Discard)
	defer s.mustClose(t)
	s.awaitServing(t)
	if err := s.set(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "snapshots")
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if err := s.replica.Snapshot(ctx); err == nil {
		t.Error("a snapshot was written into a folder that is not there")
	}
	if status := s.replica.SaveStatus(); status.Err == nil || status.Unsaved != 1 || status.Saves != 0 {
		t.Errorf("after a failed snapshot: %+v", status)
	}
	if err := s.set(ctx, "k", "w"); err != nil {
		t.Errorf("a write after a failed snapshot: %v", err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.replica.Snapshot(ctx); err != nil || s.replica.SaveStatus().Err != nil {
		t.Errorf("after the folder is back: %v", err)
	}
}

// Raft takes no snapshot while it hands its leadership over. A SAVE of that moment waits.
func TestSnapshotWaitsWhileTheLeadershipIsHandedOver(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := newCalmTrio(t)
	leader := c.leader()
	if err := leader.set(ctx, "k", "v"); err != nil {
		t.Fatal(err)
	}
	to := c.followers(leader)[0].id
	c.until(ctx, "a node has caught up", func() bool { return leader.replica.CaughtUp(to) })
	var early error
	meanwhile := func() {
		ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		defer cancel()
		early = leader.replica.Save(ctx, raftfsm.PaceFull)
	}
	leader.wire.handsOver.Store(&meanwhile)
	if err := leader.replica.Transfer(ctx, to); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(early, context.DeadlineExceeded) {
		t.Errorf("a snapshot in the middle of a transfer: %v, want that it waits", early)
	}
	c.until(ctx, "the snapshot is there", func() bool {
		s := leader.replica.SaveStatus()
		return s.Saves == 1 && s.Err == nil
	})
}
