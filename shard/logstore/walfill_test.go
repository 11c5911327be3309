package logstore

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/hashicorp/raft"
)

// A log of large batches is written once, not once as zeros and once as itself.
func TestLargeBatchHasNoZerosBehindIt(t *testing.T) {
	w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: SyncAlways, SegmentBytes: 8 << 20})
	g := groupOf(t, w, 1)
	for i, c := range []struct {
		bytes int
		ahead bool
	}{{30_000, true}, {600_000, false}, {600_000, false}, {30_000, true}} {
		entries := entriesOf(1, uint64(i+1), uint64(i+1))
		entries[0].Data = bytes.Repeat([]byte("x"), c.bytes)
		must(t, g.Append(entries))
		settle(w)
		if got := w.newest.filled >= w.newest.end; got != c.ahead {
			t.Errorf("after %d bytes: zeros up to %d, the log ends at %d; want zeros ahead: %v", c.bytes, w.newest.filled, w.newest.end, c.ahead)
		}
	}
}

// Zeros that are written ahead end where the reserved part of a segment ends, are no part of the log, and are given back
// with the rest of what a segment does not need.
func TestZerosAheadOfTheLogLeaveItAsItIs(t *testing.T) {
	for policy, ahead := range map[SyncPolicy]bool{SyncAlways: true, SyncNo: false} {
		t.Run(policy.String(), func(t *testing.T) {
			const segmentBytes = 2 * segmentBytesMin
			cfg := WALConfig{Dir: t.TempDir(), Sync: policy, SegmentBytes: segmentBytes}
			w := openTestWAL(t, cfg)
			g := groupOf(t, w, 1)
			var done []*segment
			var want []*raft.Log
			for last := w.newest; len(done) < 2; {
				entries := entriesOf(1, uint64(len(want)+1), uint64(len(want)+1))
				entries[0].Data = bytes.Repeat([]byte("x"), 30_000)
				must(t, g.Append(entries))
				settle(w)
				want = append(want, entries...)
				s := w.newest
				if s != last {
					done, last = append(done, last), s
				}
				if got := s.filled >= s.end; got != ahead {
					t.Fatalf("zeros up to %d, the log ends at %d; want zeros ahead: %v", s.filled, s.end, ahead)
				}
				info, err := s.file.Stat()
				must(t, err)
				if info.Size() != segmentBytes {
					t.Fatalf("with zeros up to %d the segment has %d bytes, want %d", s.filled, info.Size(), segmentBytes)
				}
				behind, err := io.ReadAll(io.NewSectionReader(s.file, s.end, segmentBytes))
				must(t, err)
				if len(bytes.Trim(behind, "\x00")) > 0 {
					t.Fatalf("behind the log, at %d, are other bytes than zeros", s.end)
				}
			}
			for _, s := range done {
				info, err := os.Stat(s.path)
				must(t, err)
				if info.Size() != s.end {
					t.Errorf("a segment that is done has %d bytes, want %d", info.Size(), s.end)
				}
			}
			must(t, w.Close())
			wantEntries(t, groupOf(t, openTestWAL(t, cfg), 1), want)
		})
	}
}
