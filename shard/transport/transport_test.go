package transport

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestCloseEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t) // b's raft answers nothing
		started, done := 0, make(chan error)
		call := func(f func() error) {
			started++
			go func() { done <- f() }()
		}
		call(func() error { _, err := sendVote(a, "b", 2); return err })
		call(func() error { _, err := sendHeartbeat(a, "b", 2); return err })
		call(func() error { _, err := sendHeartbeat(a, "b", 2); return err })
		call(func() error { _, err := sendAppend(a, "b", appendRequest("a", 2, 1, 1)); return err })
		call(func() error { _, err := sendAppend(a, "nobody", appendRequest("a", 2, 1, 1)); return err })
		synctest.Wait()
		began := time.Now()
		closeTransport(t, a.t)
		for range started {
			if err := <-done; !errors.Is(err, ErrClosed) && !errors.Is(err, ErrUnreachable) {
				t.Errorf("call ended with %v, want ErrClosed", err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v", took)
		}
		if _, err := a.t.Group(9); !errors.Is(err, ErrClosed) {
			t.Errorf("Group after Close: %v, want ErrClosed", err)
		}
		if _, err := sendVote(a, "b", 2); !errors.Is(err, ErrClosed) {
			t.Errorf("vote after Close: %v, want ErrClosed", err)
		}
		_ = b
	})
}

func TestGroupCanBeRegisteredAgainAfterItsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		if _, err := b.t.Group(1); err == nil {
			t.Fatal("group 1 was registered twice")
		}
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := sendVote(a, "b", 2); !errors.Is(err, ErrUnknownGroup) {
			t.Errorf("vote to a closed group: %v, want ErrUnknownGroup", err)
		}
		answer(group(t, b.t, 1), agree)
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Errorf("vote to the group's next replica: %v", err)
		}
	})
}

func TestForgottenNodeLosesItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, agree)
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Fatal(err)
		}
		a.t.Forget("b")
		synctest.Wait()
		if out, in := a.t.Stats().ConnsOutOpen, b.t.Stats().ConnsInOpen; out != 0 || in != 0 {
			t.Errorf("%d connections out and %d in are open, want none", out, in)
		}
		if _, err := sendVote(a, "b", 3); err != nil {
			t.Errorf("vote to a node that is used again: %v", err)
		}
	})
}

func TestConfigNamesWhatIsMissing(t *testing.T) {
	_, err := New(Config{Logger: slog.Default()})
	if err == nil {
		t.Fatal("an empty config was accepted")
	}
	for _, want := range []string{"NodeID", "ClusterID", "LeaseMax", "Resolver", "Dial", "SpoolDir"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not name %s", err, want)
		}
	}
}

func TestSpoolFilesOfACrashAreRemoved(t *testing.T) {
	cfg := testConfig(t, newPipeNet(), "a")
	if err := os.MkdirAll(cfg.SpoolDir, 0o700); err != nil {
		t.Fatal(err)
	}
	left, err := os.CreateTemp(cfg.SpoolDir, spoolPattern)
	if err != nil {
		t.Fatal(err)
	}
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	tr, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	closeTransport(t, tr) // checks that the folder is empty
}
