package nemesis

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

func TestFailingOnceFailsOneCall(t *testing.T) {
	w := startWriter(t, nil, filepath.Join(t.TempDir(), "file"))
	if got := w.write("before"); got != "<nil>" {
		t.Fatalf("sync before: %s", got)
	}
	failed := 0
	During(t, FailingOnce(w.cmd.Process.Pid, "fdatasync"), func() {
		for range 100 { // the program runs on several threads, and each fails once
			if w.write("during") == "input/output error" {
				failed++
			}
		}
	})
	if failed == 0 || failed > 20 {
		t.Errorf("%d of 100 syncs failed, want one for each thread", failed)
	}
	if got := w.write("after"); got != "<nil>" {
		t.Errorf("sync afterwards: %s", got)
	}
}

func TestHangingCallGoesOnAfterTheFault(t *testing.T) {
	w := startWriter(t, nil, filepath.Join(t.TempDir(), "file"))
	i := Hanging(w.cmd.Process.Pid, "fdatasync")
	answered := make(chan string, 1)
	During(t, i, func() {
		w.ask("hangs")
		go func() { answered <- w.answer() }()
		eventually(t, func() error {
			if said := read(t, i.output); !strings.Contains(said, "fdatasync(") {
				return fmt.Errorf("strace does not hold it: %s", said)
			}
			return nil
		})
		select {
		case got := <-answered:
			t.Errorf("a hanging sync returned %s", got)
		default:
		}
	})
	if got := <-answered; got != "<nil>" {
		t.Errorf("the sync ended with %s", got)
	}
}

func TestProcessThatMakesNoSuchCallNoticesNothing(t *testing.T) {
	w := startWriter(t, nil, filepath.Join(t.TempDir(), "file"))
	i := FailingOnce(w.cmd.Process.Pid, "fdatasync")
	Need(t, i)
	must(t, i.Begin())
	must(t, i.End())
	if err := i.TookEffect(); err == nil {
		t.Error("a call failed that nobody made")
	}
}

func TestInjectionIntoAProcessThatIsGoneIsAnError(t *testing.T) {
	w := startWriter(t, nil, filepath.Join(t.TempDir(), "file"))
	pid := w.cmd.Process.Pid
	w.kill()
	i := FailingOnce(pid, "fdatasync")
	Need(t, i)
	if err := i.Begin(); err == nil {
		t.Error("strace attached to nothing")
	}
}
