package logstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

func noFatal(t *testing.T) func(error) {
	return func(err error) { t.Errorf("fatal: %v", err) }
}

func openTestStable(t *testing.T, path string) *Stable {
	t.Helper()
	s, err := OpenStable(path, noFatal(t))
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func vote(s raft.StableStore, term uint64, candidate string) error {
	if err := s.SetUint64([]byte(keyLastVoteTerm), term); err != nil {
		return err
	}
	return s.Set([]byte(keyLastVoteCand), []byte(candidate))
}

func stored(t *testing.T, s raft.StableStore) string {
	t.Helper()
	term, _ := s.GetUint64([]byte(keyCurrentTerm))
	voteTerm, _ := s.GetUint64([]byte(keyLastVoteTerm))
	candidate, _ := s.Get([]byte(keyLastVoteCand))
	return fmt.Sprintf("%d/%d/%s", term, voteTerm, candidate)
}

func TestTermAndVoteSurviveReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stable")
	s := openTestStable(t, path)
	g := s.Group(7)
	for _, key := range []string{keyCurrentTerm, keyLastVoteTerm} {
		if _, err := g.GetUint64([]byte(key)); err == nil || err.Error() != "not found" {
			t.Errorf("%s of a new group: %v, want the text raft compares", key, err)
		}
	}
	if _, err := g.Get([]byte(keyLastVoteCand)); err == nil || err.Error() != "not found" {
		t.Errorf("candidate of a new group: %v, want the text raft compares", err)
	}
	must(t, g.SetUint64([]byte(keyCurrentTerm), 5))
	must(t, vote(g, 5, "x"))
	must(t, s.Group(0).SetUint64([]byte(keyCurrentTerm), 2))
	must(t, g.SetUint64([]byte(keyLastVoteTerm), 6)) // staged only
	if got := stored(t, g); got != "5/5/x" {
		t.Errorf("with a staged term: %s, want 5/5/x", got)
	}
	commits := s.Stats().Commits
	must(t, g.SetUint64([]byte(keyCurrentTerm), 5)) // as NewRaft does at every start
	if got := s.Stats().Commits; got != commits {
		t.Errorf("the same term took %d commits, want none", got-commits)
	}
	must(t, s.Close())
	s = openTestStable(t, path)
	if a, b := stored(t, s.Group(7)), stored(t, s.Group(0)); a != "5/5/x" || b != "2/0/" {
		t.Errorf("after reopen %s and %s, want 5/5/x and 2/0/", a, b)
	}
}

func TestStableRefusesWhatRaftMustNotDo(t *testing.T) {
	s := openTestStable(t, filepath.Join(t.TempDir(), "stable"))
	g := s.Group(7)
	must(t, g.SetUint64([]byte(keyCurrentTerm), 5))
	must(t, vote(g, 5, "x"))
	refused := map[string]error{
		"lower term":                  g.SetUint64([]byte(keyCurrentTerm), 4),
		"second vote in a term":       vote(g, 5, "y"),
		"vote in an older term":       vote(g, 4, "x"),
		"candidate without a term":    g.Set([]byte(keyLastVoteCand), []byte("x")),
		"unknown key":                 g.SetUint64([]byte("other"), 1),
		"candidate beyond its limit":  g.Set([]byte(keyLastVoteCand), make([]byte, candidateBytesMax+1)),
		"mark without a key":          s.SetMark("", nil),
		"mark value beyond its limit": s.SetMark("m", make([]byte, markValueBytesMax+1)),
	}
	for what, err := range refused {
		if err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
	if got := stored(t, g); got != "5/5/x" {
		t.Errorf("stored %s, want 5/5/x", got)
	}
	must(t, vote(g, 5, "x")) // a refusal stops nothing
}

func TestForgottenGroupStaysForgotten(t *testing.T) {
	s := openTestStable(t, filepath.Join(t.TempDir(), "stable"))
	old := s.Group(7)
	must(t, vote(old, 5, "x"))
	must(t, s.Forget(7))
	if err := vote(old, 6, "x"); !errors.Is(err, errForgotten) {
		t.Errorf("an old handle wrote: %v", err)
	}
	if got := stored(t, s.Group(7)); got != "0/0/" {
		t.Errorf("a forgotten group holds %s", got)
	}
	must(t, vote(s.Group(7), 1, "z"))
}

func TestMarksSurviveReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stable")
	s := openTestStable(t, path)
	if _, found, err := s.GetMark("bootstrap/7"); found || err != nil {
		t.Errorf("mark of a new store: found %v, %v", found, err)
	}
	must(t, s.SetMark("bootstrap/7", []byte("done")))
	must(t, s.SetMark("tombstone/8", nil))
	must(t, s.Close())
	s = openTestStable(t, path)
	if value, found, err := s.GetMark("bootstrap/7"); string(value) != "done" || !found || err != nil {
		t.Errorf("mark = %q, %v, %v, want done", value, found, err)
	}
	if _, found, err := s.GetMark("tombstone/8"); !found || err != nil {
		t.Errorf("empty mark: found %v, %v", found, err)
	}
}

// gatedMarks stops every write until the gate is open, and counts them.
type gatedMarks struct {
	Marks
	arrived chan struct{} // a write has come
	gate    chan struct{}
	writes  int // by the committer only
}

func (m *gatedMarks) SetMark(name string, value []byte) error {
	select {
	case m.arrived <- struct{}{}:
	default:
	}
	<-m.gate
	m.writes++
	return m.Marks.SetMark(name, value)
}

// While one vote is being written, the votes of 63 other groups arrive: they take one transaction together.
func TestConcurrentVotesOfManyGroupsShareOneTransaction(t *testing.T) {
	file, err := openBolt(filepath.Join(t.TempDir(), "stable"), "k", 0, nil)
	must(t, err)
	gated := &gatedMarks{Marks: file, arrived: make(chan struct{}, 1), gate: make(chan struct{})}
	s, err := NewStable("stable", gated, noFatal(t))
	must(t, err)

	var votes sync.WaitGroup
	cast := func(id uint64) {
		votes.Go(func() {
			if err := vote(s.Group(id), 3, "x"); err != nil {
				t.Errorf("vote of group %d: %v", id, err)
			}
		})
	}
	pending := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.pending)
	}
	cast(0)
	<-gated.arrived // the committer has taken that vote alone
	for id := uint64(1); id < 64; id++ {
		cast(id)
	}
	for deadline := time.Now().Add(10 * time.Second); pending() < 63; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d votes are pending, want 63", pending())
		}
	}
	close(gated.gate)
	votes.Wait()
	must(t, s.Close())
	if stats := s.Stats(); gated.writes != 2 || stats.Commits != 2 || stats.Changes != 64 {
		t.Errorf("%d writes, %+v; want 64 changes in 2 commits", gated.writes, stats)
	}
}

func TestTornStableValueIsRefusedWithFileName(t *testing.T) {
	damages := map[string]func([]byte) []byte{
		"flipped": func(v []byte) []byte { v[3] ^= 0x40; return v },
		"cut":     func(v []byte) []byte { return v[:len(v)-5] },
		"empty":   func([]byte) []byte { return []byte{} },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stable")
			s := openTestStable(t, path)
			must(t, vote(s.Group(7), 5, "candidate"))
			must(t, s.Close())
			raw, err := raftboltdb.NewBoltStore(path)
			must(t, err)
			value, err := raw.Get([]byte(markTable))
			must(t, err)
			must(t, raw.Set([]byte(markTable), damage(value)))
			must(t, raw.Close())
			_, err = OpenStable(path, noFatal(t))
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Errorf("open = %v, want ErrDamaged naming %s", err, path)
			}
		})
	}
}

// The packed table itself: every cut and every flipped bit is refused.
func TestPackedTableRefusesEveryDamage(t *testing.T) {
	want := table{0: {term: 1}, 7: {term: 300, voteTerm: 299, candidate: []byte("10.0.0.1:6381")}}
	packed := want.encode()
	got, err := decodeTable(packed)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("decode(encode) = %v, %v, want %v", got, err, want)
	}
	for i := range packed {
		if _, err := decodeTable(packed[:i]); err == nil {
			t.Errorf("cut to %d bytes was accepted", i)
		}
		flipped := append([]byte(nil), packed...)
		flipped[i] ^= 1
		if _, err := decodeTable(flipped); err == nil {
			t.Errorf("flipped byte %d was accepted", i)
		}
	}
}

// brokenMarks fails every write.
type brokenMarks struct{ Marks }

func (brokenMarks) SetMark(string, []byte) error { return errors.New("input/output error") }

func TestWriteErrorOfStableStoreIsFatalOnceAndFinal(t *testing.T) {
	file, err := openBolt(filepath.Join(t.TempDir(), "stable"), "k", 0, nil)
	must(t, err)
	var fatal []error
	s, err := NewStable("stable", brokenMarks{file}, func(err error) { fatal = append(fatal, err) })
	must(t, err)
	for range 2 {
		if err := vote(s.Group(7), 5, "x"); !errors.Is(err, ErrFatal) {
			t.Errorf("vote = %v, want ErrFatal", err)
		}
	}
	if got := stored(t, s.Group(7)); got != "0/0/" {
		t.Errorf("a failed vote shows as %s", got)
	}
	must(t, s.Close())
	if len(fatal) != 1 || !strings.Contains(fatal[0].Error(), "input/output error") {
		t.Errorf("fatal = %v, want the write error once", fatal)
	}
}
