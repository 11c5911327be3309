package logstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// smallWindow makes a start read about a record at a time, so that records begin and end anywhere in it.
const smallWindow = 500

func openTestWAL(t *testing.T, cfg WALConfig) *WAL {
	t.Helper()
	if cfg.SegmentBytes == 0 {
		cfg.SegmentBytes = segmentBytesMin
	}
	if cfg.Sync == 0 {
		cfg.Sync = SyncAlways
	}
	if cfg.Fatal == nil {
		cfg.Fatal = noFatal(t)
	}
	cfg.window = smallWindow
	w, err := OpenWAL(cfg)
	must(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// writtenTo is the end of what was written.
func writtenTo(w *WAL) place {
	_, end := w.synced.start()
	return end
}

func groupOf(t *testing.T, w *WAL, id uint64) *WALGroup {
	t.Helper()
	g, err := w.Group(id)
	must(t, err)
	return g
}

// wantEntries checks that a group holds exactly these.
func wantEntries(t *testing.T, g *WALGroup, want []*raft.Log) {
	t.Helper()
	first, last, err := g.Bounds()
	must(t, err)
	if len(want) == 0 {
		if last != 0 {
			t.Fatalf("group %d holds %d to %d, want nothing", g.id, first, last)
		}
		return
	}
	if first != want[0].Index || last != want[len(want)-1].Index {
		t.Fatalf("group %d holds %d to %d, want %d to %d", g.id, first, last, want[0].Index, want[len(want)-1].Index)
	}
	for _, w := range want {
		var got raft.Log
		must(t, g.Read(w.Index, &got))
		if got.Index != w.Index || got.Term != w.Term || got.Type != w.Type || !bytes.Equal(got.Data, w.Data) {
			t.Fatalf("group %d entry %d = %+v, want %+v", g.id, w.Index, got, w)
		}
	}
}

// copyFolder takes an image of a log as it is now, without what is reserved behind its end.
func copyFolder(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	names, err := filepath.Glob(filepath.Join(from, "*"+segmentSuffix))
	must(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(to, filepath.Base(name)), data, 0o600))
	}
	return to
}

func newestFile(t *testing.T, dir string) string {
	t.Helper()
	numbers, err := segmentNumbers(dir)
	must(t, err)
	return filepath.Join(dir, segmentName(numbers[len(numbers)-1]))
}

func TestGroupsShareOneLogAndKeepTheirOwn(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	a, b := groupOf(t, w, 1), groupOf(t, w, 2)
	must(t, a.Append(entriesOf(1, 1, 5)))
	must(t, b.Append(entriesOf(7, 100, 103)))
	must(t, a.SetMark("m", []byte("of a")))
	must(t, a.Delete(4, 5))
	must(t, a.Append(entriesOf(2, 4, 6)))
	must(t, b.Delete(100, 101))
	if _, err := w.Group(1); err == nil {
		t.Error("group 1 was opened twice")
	}
	must(t, w.Close())
	w = openTestWAL(t, WALConfig{Dir: dir})
	a, b = groupOf(t, w, 1), groupOf(t, w, 2)
	wantEntries(t, a, slices.Concat(entriesOf(1, 1, 3), entriesOf(2, 4, 6)))
	wantEntries(t, b, entriesOf(7, 102, 103))
	if v, ok, _ := a.Mark("m"); !ok || string(v) != "of a" {
		t.Errorf("mark of a = %q, %v", v, ok)
	}
	if _, ok, _ := b.Mark("m"); ok {
		t.Error("b has the mark of a")
	}
	if cut, was := w.TailCut(); was {
		t.Errorf("a clean end was cut: %v", cut)
	}
	if err := w.Forget(1); err == nil {
		t.Error("a group was forgotten while its log is open")
	}
	must(t, a.Close())
	must(t, w.Forget(1))
	must(t, w.Close())
	w = openTestWAL(t, WALConfig{Dir: dir})
	wantEntries(t, groupOf(t, w, 1), nil)
	wantEntries(t, groupOf(t, w, 2), entriesOf(7, 102, 103))
	if got := fmt.Sprint(w.Groups()); got != "[2]" {
		t.Errorf("groups = %s, want [2]", got)
	}
}

// The writer is held in the first fsync while other groups come: they share the next one.
func TestWaitingGroupsShareOneSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := openTestWAL(t, WALConfig{Dir: t.TempDir(), faults: walFaults{sync: func() error { <-release; return nil }}})
		var wg sync.WaitGroup
		for id := range uint64(32) {
			g := groupOf(t, w, id)
			wg.Go(func() {
				if err := g.Append(entriesOf(1, 1, 3)); err != nil {
					t.Errorf("append: %v", err)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if s := w.Stats(); s.Requests != 32 || s.Syncs > 2 || s.Writes > 2 {
			t.Errorf("stats = %+v, want 32 requests in at most 2 writes and fsyncs", s)
		}
		must(t, w.Close())
	})
}

func TestEntriesThatAreNoCommandsAreSyncedUnderEveryPolicy(t *testing.T) {
	for _, policy := range []SyncPolicy{SyncEverySec, SyncNo} {
		w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: policy})
		g := groupOf(t, w, 1)
		must(t, g.Append(entriesOf(1, 1, 1)))
		if s := w.Stats(); s.Syncs != 0 {
			t.Errorf("%v: a command was synced", policy)
		}
		for i, kind := range []raft.LogType{raft.LogConfiguration, raft.LogNoop, raft.LogBarrier} {
			must(t, g.Append([]*raft.Log{{Index: uint64(i) + 2, Term: 1, Type: kind}}))
			if s := w.Stats(); s.Syncs != uint64(i)+1 {
				t.Errorf("%v: %d fsyncs after an entry of type %v, want %d", policy, s.Syncs, kind, i+1)
			}
		}
		must(t, g.SetMark("m", nil))
		if s := w.Stats(); s.Syncs != 4 {
			t.Errorf("%v: a mark was not synced", policy)
		}
		must(t, w.Close())
	}
}

// A power cut may cut the newest segment at any byte. What was synced is there, what was not ends where a record ends.
func TestEveryTruncationOfTheTailLeavesWholeRecords(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir, Sync: SyncNo})
	g := groupOf(t, w, 1)
	must(t, g.Append(entriesOf(1, 1, 3)))
	must(t, g.SetMark("synced", nil))
	synced := writtenTo(w).offset()
	for i := uint64(4); i <= 6; i++ {
		must(t, g.Append(entriesOf(1, i, i)))
	}
	end := writtenTo(w).offset()
	path := newestFile(t, copyFolder(t, dir))
	whole, err := os.ReadFile(path)
	must(t, err)
	for at := synced; at <= end; at++ {
		for _, zeros := range []bool{false, true} {
			if zeros && at%7 != 0 {
				continue // the same but for the reserved room behind
			}
			image := filepath.Join(t.TempDir(), "wal")
			must(t, os.Mkdir(image, 0o700))
			data := bytes.Clone(whole[:at])
			if zeros {
				data = append(data, make([]byte, 4096)...)
			}
			must(t, os.WriteFile(filepath.Join(image, filepath.Base(path)), data, 0o600))
			again := openTestWAL(t, WALConfig{Dir: image})
			_, last, err := groupOf(t, again, 1).Bounds()
			must(t, err)
			if last < 3 || last > 6 {
				t.Fatalf("cut at %d: the last entry is %d, want 3 to 6", at, last)
			}
			if at == end && last != 6 {
				t.Fatalf("nothing cut: the last entry is %d, want 6", last)
			}
			must(t, again.Close())
		}
	}
	must(t, w.Close())
}

// What was reserved and not written is given back at a clean end, so the next start reads only records.
func TestCleanEndLeavesNothingBehindTheRecords(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	must(t, groupOf(t, w, 1).Append(entriesOf(1, 1, 4)))
	must(t, w.Close())
	end := writtenTo(w).offset()
	read := int64(0)
	w = openTestWAL(t, WALConfig{Dir: dir, Loaded: func(bytes int64, _ int) error { read += bytes; return nil }})
	if read != end || end < segmentHeaderBytes {
		t.Errorf("the start read %d bytes, the log ended at %d", read, end)
	}
	if _, last, err := groupOf(t, w, 1).Bounds(); err != nil || last != 4 {
		t.Errorf("last index %d, %v", last, err)
	}
	must(t, w.Close())
}

// After a clean end every flipped bit is damage, with file and offset; nothing is cut.
func TestFlippedBitAfterCleanEndIsDamage(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	g := groupOf(t, w, 1)
	for i := uint64(1); i <= 4; i++ {
		must(t, g.Append(entriesOf(1, i, i)))
	}
	must(t, g.SetMark("m", []byte("v")))
	sealed := writtenTo(w).offset()
	must(t, w.Close())
	path := newestFile(t, dir)
	whole, err := os.ReadFile(path)
	must(t, err)
	image := t.TempDir()
	for bit := range int(sealed) * 8 {
		if bit < int(sealed-200)*8 && bit%3 != 0 { // all of the last records, a third of the others
			continue
		}
		checkDamaged(t, image, path, whole, bit, func(data []byte) { data[bit/8] ^= 1 << (bit % 8) })
	}
	for at := int64(segmentHeaderBytes); at < sealed; at += 40 { // a page that came back as zeros
		checkDamaged(t, image, path, whole, int(at)*8, func(data []byte) { clear(data[at : at+32]) })
	}
}

func checkDamaged(t *testing.T, image, path string, whole []byte, bit int, damage func([]byte)) {
	t.Helper()
	data := bytes.Clone(whole)
	damage(data)
	if inPadding(whole, bit/8) {
		return
	}
	file := filepath.Join(image, filepath.Base(path))
	must(t, os.WriteFile(file, data, 0o600))
	w, err := OpenWAL(WALConfig{Dir: image, Sync: SyncAlways, SegmentBytes: segmentBytesMin, window: smallWindow, Fatal: func(error) {}})
	if err == nil {
		w.Close()
		t.Fatalf("bit %d: opened", bit)
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "offset") {
		t.Fatalf("bit %d: %v, want ErrDamaged with file and offset", bit, err)
	}
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, data) {
		t.Fatalf("bit %d: the damaged file was changed (%v)", bit, err)
	}
}

// inPadding tells of bytes that belong to no record.
func inPadding(whole []byte, at int) bool {
	for offset := segmentHeaderBytes; offset < len(whole); {
		length := int(binary.LittleEndian.Uint32(whole[offset:]))
		if length == 0 {
			return false
		}
		if at < offset+paddedBytes(length) {
			return at >= offset+length
		}
		offset += paddedBytes(length)
	}
	return false
}

// Without a clean end a flipped bit in the last batch looks like a torn write: it is cut, and that is told. In any batch
// before, it is damage.
func TestFlippedBitBeforeTheLastBatchIsNeverCut(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	g := groupOf(t, w, 1)
	var ends []int64
	for i := uint64(1); i <= 4; i++ {
		must(t, g.Append(entriesOf(1, i, i)))
		ends = append(ends, writtenTo(w).offset())
	}
	crashed := copyFolder(t, dir)
	must(t, w.Close())
	path := newestFile(t, crashed)
	whole, err := os.ReadFile(path)
	must(t, err)
	whole = whole[:ends[3]+64]
	image := t.TempDir()
	for bit := range int(ends[2]) * 8 {
		if bit%11 == 0 {
			checkDamaged(t, image, path, whole, bit, func(data []byte) { data[bit/8] ^= 1 << (bit % 8) })
		}
	}
	for at := ends[2]; at < ends[3]; at++ {
		if inPadding(whole, int(at)) {
			continue
		}
		data := bytes.Clone(whole)
		data[at] ^= 0x20
		must(t, os.WriteFile(path, data, 0o600))
		again := openTestWAL(t, WALConfig{Dir: copyFolder(t, crashed)})
		wantEntries(t, groupOf(t, again, 1), entriesOf(1, 1, 3))
		if cut, was := again.TailCut(); !was || cut.Offset < ends[2] {
			t.Fatalf("byte %d: cut = %+v, %v, want one at %d or behind", at, cut, was, ends[2])
		}
		must(t, again.Close())
	}
}

func TestMissingSegmentIsDamage(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	g := groupOf(t, w, 1)
	for i := uint64(1); w.Stats().Segments < 4; i++ {
		must(t, g.Append([]*raft.Log{{Index: i, Term: 1, Data: make([]byte, 20<<10)}}))
	}
	must(t, w.Close())
	for _, number := range []uint32{2, 1} { // a hole, then a missing beginning
		image := copyFolder(t, dir)
		must(t, os.Remove(filepath.Join(image, segmentName(number))))
		_, err := OpenWAL(WALConfig{Dir: image, Sync: SyncAlways, SegmentBytes: segmentBytesMin, window: smallWindow, Fatal: noFatal(t)})
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "missing") {
			t.Errorf("without segment %d: %v, want ErrDamaged", number, err)
		}
	}
}

// A client chooses the bytes of its values. A value that looks like a batch record must not turn a torn tail into damage.
func TestValueCannotPassForABatch(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	g := groupOf(t, w, 1)
	must(t, g.Append(entriesOf(1, 1, 1)))
	before := writtenTo(w).offset()
	forged := appendRecord(nil, &record{kind: recordBatch, group: 1, index: uint64(writtenTo(w).number()), term: 1 << 20})
	must(t, g.Append([]*raft.Log{{Index: 2, Term: 1, Data: bytes.Repeat(forged, 4)}}))
	crashed := copyFolder(t, dir)
	must(t, w.Close())
	path := newestFile(t, crashed)
	data, err := os.ReadFile(path)
	must(t, err)
	data[before+recordHeaderBytes+20] ^= 1 // the entry's header
	must(t, os.WriteFile(path, data, 0o600))
	again := openTestWAL(t, WALConfig{Dir: crashed})
	wantEntries(t, groupOf(t, again, 1), entriesOf(1, 1, 1))
}

// What a crash left behind the cut must not come back when the log grows over it.
func TestCutTailStaysCut(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir, Sync: SyncNo})
	g := groupOf(t, w, 1)
	must(t, g.Append(entriesOf(1, 1, 2)))
	torn := writtenTo(w).offset()
	must(t, g.Append(entriesOf(1, 3, 3)))
	must(t, g.Append(entriesOf(1, 4, 4)))
	crashed := copyFolder(t, dir)
	must(t, w.Close())
	path := newestFile(t, crashed)
	data, err := os.ReadFile(path)
	must(t, err)
	data[torn+60] ^= 1 // entry 3 did not reach the disk whole, entry 4 did
	must(t, os.WriteFile(path, data, 0o600))
	for range 3 {
		w = openTestWAL(t, WALConfig{Dir: crashed, Sync: SyncNo})
		wantEntries(t, groupOf(t, w, 1), entriesOf(1, 1, 2))
		crashed = copyFolder(t, crashed)
		must(t, w.Close())
	}
}

// An idle group must not pin segments, and must not lose a thing when they are freed.
func TestIdleGroupsDoNotPinSegments(t *testing.T) {
	dir := t.TempDir()
	w := openTestWAL(t, WALConfig{Dir: dir})
	idle, alsoIdle, busy := groupOf(t, w, 1), groupOf(t, w, 2), groupOf(t, w, 3)
	must(t, idle.Append(entriesOf(4, 50, 60)))
	must(t, idle.SetMark("m", []byte("kept")))
	index := uint64(0)
	for round := range 300 {
		if round == 100 {
			must(t, alsoIdle.Append(entriesOf(5, 7, 9)))
		}
		if round == 150 {
			must(t, idle.Append(entriesOf(6, 61, 62)))
		}
		for range 10 {
			index++
			must(t, busy.Append([]*raft.Log{{Index: index, Term: 1, Data: make([]byte, 1<<10)}}))
		}
		if index > 20 {
			must(t, busy.Delete(1, index-20))
		}
	}
	s := w.Stats()
	if s.MovedBytes == 0 || s.DiskBytes > (spareSegments+3)*segmentBytesMin {
		t.Errorf("stats = %+v, want something moved and at most %d bytes on disk", s, (spareSegments+3)*segmentBytesMin)
	}
	if s.MovedBytes > s.Bytes/4 {
		t.Errorf("%d bytes were moved for %d written", s.MovedBytes, s.Bytes)
	}
	check := func(w *WAL, idle, alsoIdle *WALGroup) {
		t.Helper()
		wantEntries(t, idle, slices.Concat(entriesOf(4, 50, 60), entriesOf(6, 61, 62)))
		wantEntries(t, alsoIdle, entriesOf(5, 7, 9))
		if v, ok, _ := idle.Mark("m"); !ok || string(v) != "kept" {
			t.Errorf("mark = %q, %v, want kept", v, ok)
		}
	}
	check(w, idle, alsoIdle)
	must(t, w.Close())
	for range 2 {
		w = openTestWAL(t, WALConfig{Dir: dir})
		check(w, groupOf(t, w, 1), groupOf(t, w, 2))
		if _, last, _ := groupOf(t, w, 3).Bounds(); last != index {
			t.Errorf("busy ends at %d, want %d", last, index)
		}
		must(t, w.Close())
	}
}

func TestReadersFindEntriesWhileSegmentsAreMoved(t *testing.T) {
	w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: SyncNo})
	idle, busy := groupOf(t, w, 1), groupOf(t, w, 2)
	must(t, idle.Append(entriesOf(4, 1, 50)))
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for index := uint64(0); ; index++ {
				select {
				case <-done:
					return
				default:
				}
				var e raft.Log
				if err := idle.Read(index%50+1, &e); err != nil || string(e.Data) != fmt.Sprintf("4.%d", index%50+1) {
					t.Errorf("entry %d = %q, %v", index%50+1, e.Data, err)
					return
				}
			}
		})
	}
	for index := uint64(1); w.Stats().MovedBytes < 20<<10 && !t.Failed(); index++ {
		must(t, busy.Append([]*raft.Log{{Index: index, Term: 1, Data: make([]byte, 8<<10)}}))
		if index > 2 {
			must(t, busy.Delete(index-2, index-2))
		}
	}
	close(done)
	wg.Wait()
}

func TestFailedWriteOrSyncIsFinal(t *testing.T) {
	broken := errors.New("no space left on device")
	for _, what := range []string{"write", "sync", "background sync"} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var fatal []error
				var fail atomic.Bool
				fault := func() error {
					if fail.Load() {
						return broken
					}
					return nil
				}
				cfg := WALConfig{Dir: t.TempDir(), Sync: SyncAlways,
					Fatal: func(err error) {
						fatal = append(fatal, err)
						if !errors.Is(err, broken) || !strings.Contains(err.Error(), "start the node again") {
							t.Errorf("fatal says %q, want the cause and what to do", err)
						}
					}}
				switch what {
				case "write":
					cfg.faults.write = fault
				case "background sync":
					cfg.Sync = SyncEverySec
					fallthrough
				default:
					cfg.faults.sync = fault
				}
				w := openTestWAL(t, cfg)
				g := groupOf(t, w, 1)
				must(t, g.Append(entriesOf(1, 1, 1)))
				if cfg.Sync == SyncEverySec {
					fail.Store(true)
					time.Sleep(2 * syncEvery)
					synctest.Wait()
				} else {
					fail.Store(true)
					// The group may stop the process before the log does.
					if err := g.Append(entriesOf(1, 2, 2)); !errors.Is(err, broken) || !strings.Contains(err.Error(), "start the node again") {
						t.Errorf("append = %v, want %v and what to do", err, broken)
					}
					synctest.Wait()
				}
				fail.Store(false) // the disk is well again, and still nothing may be acknowledged
				for range 2 {
					if err := g.Append(entriesOf(1, 2, 2)); !errors.Is(err, ErrFatal) {
						t.Errorf("append after the error = %v, want ErrFatal", err)
					}
				}
				if err := g.SetMark("m", nil); !errors.Is(err, ErrFatal) {
					t.Errorf("mark after the error = %v, want ErrFatal", err)
				}
				must(t, w.Close())
				if len(fatal) != 1 {
					t.Errorf("fatal was called %d times, want once", len(fatal))
				}
			})
		})
	}
}

// Under everysec a write is acknowledged at once and synced within a second; when the fsync hangs for two, writers wait.
func TestEverySecSyncsInTheBackgroundAndStallsBehindALateSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang, hanging := make(chan struct{}), false
		var mu sync.Mutex
		w := openTestWAL(t, WALConfig{Dir: t.TempDir(), Sync: SyncEverySec, faults: walFaults{sync: func() error {
			mu.Lock()
			wait := hanging
			mu.Unlock()
			if wait {
				<-hang
			}
			return nil
		}}})
		g := groupOf(t, w, 1)
		must(t, g.Append(entriesOf(1, 1, 1)))
		if s := w.Stats(); s.Syncs != 0 {
			t.Fatalf("%d fsyncs at once, want none", s.Syncs)
		}
		time.Sleep(syncEvery + 50*time.Millisecond)
		synctest.Wait()
		if s := w.Stats(); s.Syncs != 1 {
			t.Fatalf("%d fsyncs after a second, want 1", s.Syncs)
		}
		time.Sleep(10 * syncEvery)
		if s := w.Stats(); s.Syncs != 1 {
			t.Fatalf("%d fsyncs although nothing was written, want 1", s.Syncs)
		}
		mu.Lock()
		hanging = true
		mu.Unlock()
		must(t, g.Append(entriesOf(1, 2, 2)))
		time.Sleep(unsyncedMax - 50*time.Millisecond)
		must(t, g.Append(entriesOf(1, 3, 3))) // not late enough yet
		time.Sleep(100 * time.Millisecond)
		done := make(chan error, 1)
		go func() { done <- g.Append(entriesOf(1, 4, 4)) }()
		time.Sleep(700 * time.Millisecond)
		select {
		case err := <-done:
			t.Fatalf("a write was acknowledged behind an fsync that is late: %v", err)
		default:
		}
		if d := w.WritingFor(); d < 600*time.Millisecond {
			t.Errorf("WritingFor = %v, want at least 600 ms", d)
		}
		mu.Lock()
		hanging = false
		mu.Unlock()
		close(hang)
		must(t, <-done)
		synctest.Wait()
		if d := w.WritingFor(); d != 0 {
			t.Errorf("WritingFor = %v after the fsync, want 0", d)
		}
		if s := w.Stats(); s.Stalls != 1 {
			t.Errorf("%d stalls, want 1", s.Stalls)
		}
		must(t, w.Close())
	})
}

func TestWALRefusesWhatItCannotKeep(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenWAL(WALConfig{Dir: dir, Fatal: func(error) {}}); !errors.Is(err, ErrSyncPolicy) {
		t.Errorf("policy not set: %v, want ErrSyncPolicy", err)
	}
	if _, err := OpenWAL(WALConfig{Dir: dir, Sync: SyncAlways}); err == nil {
		t.Error("opened without Fatal")
	}
	w := openTestWAL(t, WALConfig{Dir: dir})
	if _, err := OpenWAL(WALConfig{Dir: dir, Sync: SyncAlways, Fatal: func(error) {}}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("locked folder: %v, want a word about the other process", err)
	}
	g := groupOf(t, w, 1)
	must(t, w.Close())
	must(t, w.Close())
	if err := g.Append(entriesOf(1, 1, 1)); !errors.Is(err, ErrClosed) {
		t.Errorf("append after Close: %v, want ErrClosed", err)
	}
}

// A crash while a segment is made leaves a file without a header; it was never written to.
func TestUnbornSegmentIsRemoved(t *testing.T) {
	for _, size := range []int{0, 10, segmentBytesMin} {
		dir := t.TempDir()
		w := openTestWAL(t, WALConfig{Dir: dir})
		must(t, groupOf(t, w, 1).Append(entriesOf(1, 1, 3)))
		must(t, w.Close())
		must(t, os.WriteFile(filepath.Join(dir, segmentName(2)), make([]byte, size), 0o600))
		w = openTestWAL(t, WALConfig{Dir: dir})
		wantEntries(t, groupOf(t, w, 1), entriesOf(1, 1, 3))
		must(t, w.Close())
	}
}
