package logstore

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"
)

// walModel is what the groups of a node hold, as plain slices.
type walModel map[uint64]*groupModel

type groupModel struct {
	first   uint64
	entries []string
	mark    string
}

func (g *groupModel) last() uint64 { return g.first + uint64(len(g.entries)) - 1 }

func (g *groupModel) String() string {
	if len(g.entries) == 0 {
		return fmt.Sprintf("nothing, mark %q", g.mark)
	}
	return fmt.Sprintf("from %d %v, mark %q", g.first, g.entries, g.mark)
}

func (m walModel) String() string {
	text := ""
	for id := range uint64(4) {
		g := m[id]
		if g == nil {
			g = &groupModel{}
		}
		text += fmt.Sprintf("group %d: %v\n", id, g)
	}
	return text
}

// held reads back what a log holds.
func held(w *WAL) (walModel, error) {
	m := walModel{}
	for id := range uint64(4) {
		g, err := w.Group(id)
		if err != nil {
			return nil, err
		}
		first, last, err := g.Bounds()
		if err != nil {
			return nil, err
		}
		mark, _, err := g.Mark("m")
		if err != nil {
			return nil, err
		}
		group := &groupModel{first: first, mark: string(mark)}
		for index := first; last != 0 && index <= last; index++ {
			var e raft.Log
			if err := g.Read(index, &e); err != nil {
				return nil, err
			}
			group.entries = append(group.entries, string(e.Data[:min(len(e.Data), 12)]))
		}
		m[id] = group
		if err := g.Close(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// moment is what the log held when its written end was there.
type moment struct {
	end   place
	model string
}

// loseUnsynced writes an image of the log into another folder as a power cut may leave it: what was synced is whole,
// of the sectors behind it a random choice reached the disk.
func loseUnsynced(from, to string, synced place, random *rand.Rand) error {
	numbers, err := segmentNumbers(from)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		data, err := os.ReadFile(filepath.Join(from, segmentName(number)))
		if err != nil {
			return err
		}
		if number == numbers[len(numbers)-1] {
			const sector = 512
			keep := random.IntN(3) // 0: nothing, 1: a prefix, 2: any sectors
			lostFrom := len(data)
			if keep == 1 {
				lostFrom = int(synced.offset()) + random.IntN(8<<10)
			}
			for at := int(synced.offset()); at < len(data); at += sector - at%sector {
				end := min(len(data), at+sector-at%sector)
				if keep == 0 || keep == 1 && at >= lostFrom || keep == 2 && random.IntN(3) == 0 {
					clear(data[at:end])
				}
			}
		}
		if err := os.WriteFile(filepath.Join(to, segmentName(number)), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the writer has also cleaned up after what it has answered: an image of the folder is taken at one
// moment.
func settle(w *WAL) {
	for w.WritingFor() != 0 {
		runtime.Gosched()
	}
}

// Random operations of several groups, kills, power cuts and clean restarts, against plain slices. After a power cut the
// log must hold what it held at some moment, and none before the last fsync: under always, none before the last
// acknowledgement of an append, and none before the policy became a stronger one.
func TestWALAgreesWithModelThroughCrashes(t *testing.T) {
	base := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		check := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		run++
		life := 0
		folder := func() string {
			life++
			dir := filepath.Join(base, fmt.Sprint(run, "-", life))
			check(os.Mkdir(dir, 0o700))
			return dir
		}
		policy := rapid.SampledFrom([]SyncPolicy{SyncAlways, SyncNo}).Draw(rt, "policy")
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		dir := folder()
		var w *WAL
		open := func() {
			var err error
			w, err = OpenWAL(WALConfig{Dir: dir, Sync: policy, SegmentBytes: segmentBytesMin, window: smallWindow, Fatal: func(err error) { rt.Errorf("fatal: %v", err) }})
			check(err)
		}
		open()
		defer func() {
			if w != nil {
				_ = w.Close()
			}
		}()
		m, term := walModel{}, uint64(0)
		for id := range uint64(4) {
			m[id] = &groupModel{}
		}
		var moments []moment
		note := func() { moments = append(moments, moment{writtenTo(w), m.String()}) }
		durable := 0 // the last moment that no power cut may take back
		begin := func() { moments, durable = nil, 0; note() }
		begin()
		for range rapid.IntRange(1, 60).Draw(rt, "operations") {
			id := rapid.Uint64Range(0, 3).Draw(rt, "group")
			g, model := w.groups[id], m[id]
			if g == nil {
				g, _ = w.Group(id)
				check(g.Close())
			}
			switch rapid.IntRange(0, 12).Draw(rt, "operation") {
			case 0, 1, 2, 3, 4: // append, one write with several entries
				term++
				from := model.last() + 1
				if len(model.entries) == 0 {
					from = rapid.Uint64Range(1, 50).Draw(rt, "from")
					model.first = from
				}
				n := rapid.Uint64Range(1, 4).Draw(rt, "n")
				entries := entriesOf(term, from, from+n-1)
				big := rapid.SampledFrom([]int{0, 0, 2000, 30000}).Draw(rt, "bytes")
				for _, e := range entries {
					e.Data = append(append(e.Data, "             "...)[:12], make([]byte, big)...)
				}
				check(g.Append(entries))
				for i, e := range entries { // a torn write may leave any number of them
					model.entries = append(model.entries, string(e.Data[:12]))
					if i < len(entries)-1 {
						end, _ := g.spotOf(e.Index)
						moments = append(moments, moment{placeOf(end.place.number(), end.place.offset()+int64(end.bytes)), m.String()})
					}
				}
				note()
				if policy == SyncAlways {
					durable = len(moments) - 1
				}
			case 5, 6, 7: // compaction or conflict
				if len(model.entries) == 0 {
					continue
				}
				at := rapid.Uint64Range(model.first, model.last()).Draw(rt, "at")
				if rapid.Bool().Draw(rt, "prefix") {
					check(g.Delete(model.first, at))
					model.entries = model.entries[at-model.first+1:]
					model.first = at + 1
				} else {
					check(g.Delete(at, model.last()))
					model.entries = model.entries[:at-model.first]
				}
				note()
			case 8:
				model.mark = fmt.Sprint("mark ", len(moments))
				check(g.SetMark("m", []byte(model.mark)))
				note()
				durable = len(moments) - 1
			case 9: // clean end
				check(w.Close())
				open()
				if _, was := w.TailCut(); was {
					rt.Fatal("a clean end was cut")
				}
				begin()
			case 10, 11: // power cut
				settle(w)
				synced := w.synced.at()
				next := folder()
				check(loseUnsynced(dir, next, synced, random))
				check(w.Close())
				dir = next
				open()
				earliest := 0
				for i, at := range moments {
					if at.end <= synced {
						earliest = i
					}
				}
				earliest = max(earliest, durable)
				now, err := held(w)
				check(err)
				found := slices.IndexFunc(moments[earliest:], func(at moment) bool { return at.model == now.String() })
				if found < 0 {
					rt.Fatalf("after the power cut the log holds\n%swhich it never held since\n%s", now, moments[earliest].model)
				}
				m = now
				begin()
			case 12: // another policy, while it runs
				before := policy
				policy = rapid.SampledFrom([]SyncPolicy{SyncAlways, SyncEverySec, SyncNo}).Draw(rt, "new policy")
				check(w.SetSync(policy))
				if policy < before {
					durable = len(moments) - 1
				}
			}
			now, err := held(w)
			check(err)
			if now.String() != m.String() {
				rt.Fatalf("the log holds\n%swant\n%s", now, m)
			}
		}
		check(w.Close())
		check(os.RemoveAll(dir))
	})
}

// FuzzWALOpen: no bytes in a segment make opening panic, and what opens can be written to and opened again.
func FuzzWALOpen(f *testing.F) {
	var sample []byte
	sample = append(sample, encodeSegmentHeader(1, 0, 9)...)
	sample = appendRecord(sample, &record{kind: recordBatch, group: 9, index: 1, term: segmentHeaderBytes, time: 1})
	for _, e := range entriesOf(1, 1, 3) {
		r := entryRecord(5, e)
		sample = appendRecord(sample, &r)
	}
	sample = appendRecord(sample, &record{kind: recordCutPrefix, group: 5, index: 1})
	sample = appendRecord(sample, &record{kind: recordMark, group: 5, ext: []byte("m"), data: []byte("v")})
	f.Add(sample)
	f.Add(sample[:len(sample)-3])
	memory := "/dev/shm" // a slow disk would leave the fuzzer a few inputs a second
	if _, err := os.Stat(memory); err != nil {
		memory = ""
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir, err := os.MkdirTemp(memory, "fuzz-wal-")
		must(t, err)
		defer func() { must(t, os.RemoveAll(dir)) }()
		must(t, os.WriteFile(filepath.Join(dir, segmentName(1)), data, 0o600))
		cfg := WALConfig{Dir: dir, Sync: SyncNo, SegmentBytes: segmentBytesMin, Fatal: noFatal(t)}
		w, err := OpenWAL(cfg)
		if err != nil {
			return
		}
		g := groupOf(t, w, 5)
		_, last, err := g.Bounds()
		must(t, err)
		if last > 1<<60 {
			must(t, w.Close())
			return
		}
		must(t, g.Append(entriesOf(9, last+1, last+2)))
		must(t, w.Close())
		w, err = OpenWAL(cfg)
		must(t, err)
		if _, now, _ := groupOf(t, w, 5).Bounds(); now != last+2 {
			t.Errorf("the log ends at %d, want %d", now, last+2)
		}
		must(t, w.Close())
	})
}

// FuzzRecord: what decodes encodes to the same bytes.
func FuzzRecord(f *testing.F) {
	f.Add(appendRecord(nil, &record{kind: recordEntry, entryType: raft.LogNoop, group: 1, index: 2, term: 3, time: 4, ext: []byte("e"), data: []byte("d")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, room, err := decodeRecord(data)
		if err != nil {
			return
		}
		again := appendRecord(nil, &r)
		length := r.length()
		if string(again[:8]) != string(data[:8]) && string(again[8:length]) != string(data[8:length]) || len(again) != room {
			t.Errorf("%x encoded again as %x", data[:length], again)
		}
	})
}
