package logstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/raft"
	"pgregory.net/rapid"
)

// logModel is a log as a plain slice: entries[i] has index first+i.
type logModel struct {
	first    uint64
	entries  []string
	boundary Boundary
}

func (m *logModel) last() uint64 { return m.first + uint64(len(m.entries)) - 1 }

func (m *logModel) cut(first, last uint64) {
	m.entries = slices.Delete(m.entries, int(first-m.first), int(last-m.first)+1)
	if first == m.first {
		m.first = last + 1
	}
}

// Random appends, overwrites, truncations, compactions, snapshots (own and installed) and reopens, against a slice.
func TestLogAgreesWithModelUnderRandomOperations(t *testing.T) {
	onEachBackend(t, testLogAgreesWithModelUnderRandomOperations)
}

func testLogAgreesWithModelUnderRandomOperations(t *testing.T, on backendKind) {
	dir, run := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		cfg := LogConfig{Path: filepath.Join(dir, fmt.Sprint(run)), Group: 7, Sync: SyncAlways,
			CacheEntries: rapid.IntRange(1, 6).Draw(rt, "cache"), Fatal: func(err error) { rt.Errorf("fatal: %v", err) }}
		m := &logModel{first: 1}
		term := uint64(1)
		l, err := on.open(cfg)
		check := func(err error) {
			if err != nil {
				rt.Fatal(err)
			}
		}
		check(err)
		defer func() { _ = l.Close() }()
		store := func(from, n uint64) {
			entries := entriesOf(term, from, from+n-1)
			check(l.StoreLogs(entries))
			for _, e := range entries {
				m.entries = append(m.entries, string(e.Data))
			}
		}
		// above is a suffix that may be truncated: higher than the boundary.
		above := func() (uint64, bool) {
			low := max(m.first, m.boundary.Index+1)
			if len(m.entries) == 0 || low > m.last() {
				return 0, false
			}
			return rapid.Uint64Range(low, m.last()).Draw(rt, "from"), true
		}
		for range rapid.IntRange(1, 25).Draw(rt, "operations") {
			switch rapid.IntRange(0, 6).Draw(rt, "operation") {
			case 0, 1:
				store(m.last()+1, rapid.Uint64Range(1, 5).Draw(rt, "n"))
			case 2:
				if from, ok := above(); ok {
					term++
					m.cut(from, m.last())
					if len(m.entries) == 0 {
						m.first = from
					}
					store(from, rapid.Uint64Range(1, 5).Draw(rt, "n"))
				}
			case 3:
				if from, ok := above(); ok {
					check(l.DeleteRange(from, m.last()))
					m.cut(from, m.last())
					if len(m.entries) == 0 {
						m.first = from
					}
				}
			case 4: // own snapshot, then compaction
				if from, ok := above(); ok {
					var e raft.Log
					check(l.GetLog(from, &e))
					check(l.RecordBoundary(e.Index, e.Term))
					m.boundary = Boundary{Index: e.Index, Term: e.Term}
					to := rapid.Uint64Range(m.first, from).Draw(rt, "to")
					check(l.DeleteRange(m.first, to))
					if to = min(to, from-1); to >= m.first {
						m.cut(m.first, to)
					}
				}
			case 5: // installed snapshot beyond the end
				index := m.last() + rapid.Uint64Range(1, 5).Draw(rt, "gap")
				term++
				check(l.RecordBoundary(index, term))
				m.boundary, m.first, m.entries = Boundary{Index: index, Term: term}, index+1, nil
			case 6:
				check(l.Close())
				l, err = on.open(cfg)
				check(err)
			}
			m.compare(rt, l)
		}
	})
}

func (m *logModel) compare(rt *rapid.T, l *Log) {
	wantFirst, wantLast := m.first, m.last()
	if len(m.entries) == 0 {
		wantFirst, wantLast = 0, 0
	}
	first, _ := l.FirstIndex()
	last, _ := l.LastIndex()
	if first != wantFirst || last != wantLast || l.Boundary() != m.boundary {
		rt.Fatalf("log %d..%d %+v, want %d..%d %+v", first, last, l.Boundary(), wantFirst, wantLast, m.boundary)
	}
	for index := uint64(0); index <= m.last()+2; index++ {
		var e raft.Log
		err := l.GetLog(index, &e)
		switch {
		case len(m.entries) > 0 && index >= m.first && index <= m.last():
			if err != nil || string(e.Data) != m.entries[index-m.first] || e.Index != index {
				rt.Fatalf("entry %d = %+v, %v, want %q", index, e, err, m.entries[index-m.first])
			}
		case index == m.boundary.Index && index > 1:
			if err != nil || !IsPlaceholder(&e) || e.Index != index || e.Term != m.boundary.Term {
				rt.Fatalf("boundary %d = %+v, %v, want a placeholder", index, e, err)
			}
		case !errors.Is(err, raft.ErrLogNotFound):
			rt.Fatalf("entry %d = %+v, %v, want raft.ErrLogNotFound", index, e, err)
		}
	}
}
