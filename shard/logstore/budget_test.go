package logstore

import (
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"
)

// The logs of a node share their memory: who appends keeps what it appended last, who is idle gives way, and what is not
// in memory is read from the file.
func TestWindowsOfAllGroupsStayWithinOneBudget(t *testing.T) {
	const budgetBytes, entryBytes, groups = 64 << 10, 1 << 10, 8
	w := openTestWAL(t, WALConfig{Dir: filepath.Join(t.TempDir(), "wal"), Sync: SyncNo, SegmentBytes: 1 << 20})
	budget := NewBudget(budgetBytes)
	var logs []*Log
	for id := range uint64(groups) {
		l, err := OpenLog(LogConfig{Group: id, Budget: budget, Backend: groupOf(t, w, id), Fatal: noFatal(t)})
		must(t, err)
		logs = append(logs, l)
	}
	for _, l := range logs {
		for index := uint64(1); index <= 40; index++ {
			must(t, l.StoreLog(&raft.Log{Index: index, Term: 1, Data: make([]byte, entryBytes)}))
			if used := budget.UsedBytes(); used > budgetBytes {
				t.Fatalf("%d bytes are kept, want at most %d", used, budgetBytes)
			}
		}
	}
	last := logs[groups-1]
	for index := uint64(40); index > 30; index-- {
		must(t, last.GetLog(index, &raft.Log{}))
	}
	if s := last.Stats(); s.CacheMisses != 0 {
		t.Errorf("%d of the newest entries were read from the file", s.CacheMisses)
	}
	var e raft.Log
	must(t, logs[0].GetLog(1, &e))
	if len(e.Data) != entryBytes {
		t.Errorf("entry 1 has %d bytes, want %d", len(e.Data), entryBytes)
	}
	for _, l := range logs {
		must(t, l.Close())
	}
	if used := budget.UsedBytes(); used != 0 {
		t.Errorf("%d bytes are counted after all logs are closed", used)
	}
	must(t, w.Close())
}
