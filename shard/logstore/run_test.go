package logstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run that ends in one way and the next one that begins in another: is the guard on?
func TestGuardIsOnExactlyWhenAcknowledgedEntriesMayBeMissing(t *testing.T) {
	const here, elsewhere = "boot-1", "boot-2"
	cases := []struct {
		what    string
		first   SyncPolicy
		second  SyncPolicy // a run between, killed; 0 for none
		clean   bool
		boot    string
		guarded bool
	}{
		{what: "clean end, same boot", first: SyncNo, clean: true, boot: here},
		{what: "clean end, reboot", first: SyncNo, clean: true, boot: elsewhere},
		{what: "killed under everysec, same boot", first: SyncEverySec, boot: here},
		{what: "reboot under always", first: SyncAlways, boot: elsewhere},
		{what: "reboot under everysec", first: SyncEverySec, boot: elsewhere, guarded: true},
		{what: "reboot under no", first: SyncNo, boot: elsewhere, guarded: true},
		{what: "boot unknown", first: SyncEverySec, boot: "", guarded: true},
		{what: "killed under everysec, then always, then reboot", first: SyncEverySec, second: SyncAlways, boot: elsewhere, guarded: true},
		{what: "killed under always, then no, then reboot", first: SyncAlways, second: SyncNo, boot: elsewhere, guarded: true},
		{what: "always twice, then reboot", first: SyncAlways, second: SyncAlways, boot: elsewhere},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			cfg := RunConfig{Path: filepath.Join(t.TempDir(), "run"), Sync: c.first, Boot: here, Fresh: true}
			r, err := BeginRun(cfg)
			must(t, err)
			if on, _ := r.Guarded(1); on {
				t.Error("a fresh node is guarded")
			}
			if c.clean {
				must(t, r.EndClean())
			}
			cfg.Fresh = false
			if c.second != 0 {
				cfg.Sync = c.second
				_, err = BeginRun(cfg)
				must(t, err)
			}
			cfg.Sync, cfg.Boot = SyncAlways, c.boot
			r, err = BeginRun(cfg)
			must(t, err)
			if on, reason := r.Guarded(1); on != c.guarded || on != (reason != "") {
				t.Errorf("guarded = %v (%q), want %v", on, reason, c.guarded)
			}
		})
	}
}

func TestGuardStaysUntilItIsReleasedInEachGroup(t *testing.T) {
	cfg := RunConfig{Path: filepath.Join(t.TempDir(), "run"), Sync: SyncAlways, Boot: "b", Fresh: true}
	again := func(clean bool, r *Run) *Run {
		t.Helper()
		if clean {
			must(t, r.EndClean())
		}
		cfg.Fresh = false
		r, err := BeginRun(cfg)
		must(t, err)
		return r
	}
	r, err := BeginRun(cfg)
	must(t, err)
	must(t, r.NoteIOError(errors.New("input/output error")))
	for _, clean := range []bool{false, true, false} {
		r = again(clean, r)
		if on, reason := r.Guarded(3); !on || !strings.Contains(reason, "input/output error") {
			t.Fatalf("guarded = %v (%q), want true with the error", on, reason)
		}
	}
	must(t, r.Release(3))
	must(t, r.Release(1))
	must(t, r.Release(3))
	r = again(true, r)
	for group, want := range map[uint64]bool{1: false, 2: true, 3: false, 1 << 63: true} {
		if on, _ := r.Guarded(group); on != want {
			t.Errorf("group %d guarded = %v, want %v", group, on, want)
		}
	}
	must(t, r.Guard("the log lost its tail")) // a new loss counts for the released groups too
	if on, _ := r.Guarded(3); !on {
		t.Error("group 3 is not guarded after another loss")
	}
	must(t, r.ReleaseAll())
	r = again(false, r)
	if on, _ := r.Guarded(2); on {
		t.Error("guarded although the operator has accepted the loss")
	}
}

// A power cut, and the torn tail that is found after it: whoever reads why a node is guarded learns of both.
func TestGuardSaysEveryReasonUntilItEndsSomewhere(t *testing.T) {
	r, err := BeginRun(RunConfig{Path: filepath.Join(t.TempDir(), "run"), Sync: SyncAlways, Fresh: true})
	must(t, err)
	for _, step := range []struct {
		why, want string
	}{
		{"power", "power"}, {"torn tail", "power; torn tail"}, {"power", "power; torn tail"},
		{strings.Repeat("x", reasonBytesMax), strings.Repeat("x", reasonBytesMax)},
	} {
		must(t, r.Guard(step.why))
		if on, got := r.Guarded(1); !on || got != step.want {
			t.Errorf("after %.20s: guarded = %v (%.40s), want %.40s", step.why, on, got, step.want)
		}
	}
	must(t, r.Release(2))
	must(t, r.Guard("disk"))
	if _, got := r.Guarded(1); got != "disk" {
		t.Errorf("after the guard had ended in a group: %.40s, want disk", got)
	}
}

func TestMissingOrDamagedRunRecordIsNotTakenForACleanEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	cfg := RunConfig{Path: path, Sync: SyncAlways, Boot: "b"}
	r, err := BeginRun(cfg)
	must(t, err)
	if on, _ := r.Guarded(1); !on {
		t.Error("a node whose record is missing is not guarded")
	}
	whole, err := os.ReadFile(path)
	must(t, err)
	for at := range whole {
		for _, damaged := range [][]byte{whole[:at], append(append([]byte{}, whole[:at]...), append([]byte{whole[at] ^ 4}, whole[at+1:]...)...)} {
			must(t, os.WriteFile(path, damaged, 0o600))
			if _, err := BeginRun(cfg); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Fatalf("byte %d: %v, want ErrDamaged with the file", at, err)
			}
		}
	}
}
