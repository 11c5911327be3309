package nemesis

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPowerCutTakesWhatWasNotSyncedAndNothingElse(t *testing.T) {
	m := NewMachine(t)
	w := startWriter(t, m.Under(), filepath.Join(m.Dir, "synced"))
	if got := w.write("kept"); got != "<nil>" {
		t.Fatalf("sync: %s", got)
	}
	must(t, os.WriteFile(filepath.Join(m.Dir, "not-synced"), []byte("gone"), 0o600))
	During(t, &PowerCut{Machines: []*Machine{m}, Kill: w.kill}, func() {
		if _, err := os.Stat(filepath.Join(m.Dir, "synced")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a disk without power answers: %v", err)
		}
	})
	if got := read(t, filepath.Join(m.Dir, "synced")); got != "kept\n" {
		t.Errorf("a synced file holds %q", got)
	}
	if data, err := os.ReadFile(filepath.Join(m.Dir, "not-synced")); err == nil && len(data) > 0 {
		t.Errorf("a file that was not synced holds %q", data)
	}
}

func TestMachineSeemsToHaveBootedAfterACut(t *testing.T) {
	m := NewMachine(t)
	path := filepath.Join(m.Dir, "file")
	first, again := startWriter(t, m.Under(), path), startWriter(t, m.Under(), path)
	if first.boot != again.boot {
		t.Errorf("boot ids %s and %s without a cut between", first.boot, again.boot)
	}
	During(t, &PowerCut{Machines: []*Machine{m}, Kill: func() { first.kill(); again.kill() }}, func() {})
	if next := startWriter(t, m.Under(), path); next.boot == first.boot {
		t.Errorf("boot id %s before and after a cut", next.boot)
	}
	if outside := startWriter(t, nil, filepath.Join(t.TempDir(), "file")); outside.boot == first.boot {
		t.Error("every process sees the boot id of the machine")
	}
}

// Of pages that nobody synced some reach the disk and some don't, in a file whose blocks were reserved as a log's are.
func TestTornPowerCutKeepsSomePagesOfThoseThatWereNotSynced(t *testing.T) {
	m := NewMachine(t)
	const pages = 64
	path := filepath.Join(m.Dir, "pages")
	file, err := os.Create(path)
	must(t, err)
	must(t, unix.Fallocate(int(file.Fd()), 0, 0, pages*pageBytes))
	must(t, file.Sync())
	for page := range int64(pages) { // one by one: the kernel writes back what was written in one piece as one
		_, err = file.WriteAt(noise(rand.New(rand.NewPCG(1, 1)), pageBytes), page*pageBytes)
		must(t, err)
	}
	must(t, file.Close())
	During(t, &PowerCut{Machines: []*Machine{m}, Kill: func() {}, Torn: rand.New(rand.NewPCG(2, 2))}, func() {})
	data := read(t, path)
	there := 0
	for at := 0; at < len(data); at += pageBytes {
		if data[at:at+pageBytes] != string(make([]byte, pageBytes)) {
			there++
		}
	}
	if there == 0 || there == pages {
		t.Errorf("%d of %d pages reached the disk, want some", there, pages)
	}
}

func TestCutWithoutAMachineHadNoEffect(t *testing.T) {
	if err := (&PowerCut{}).TookEffect(); err == nil {
		t.Error("it had one")
	}
}
