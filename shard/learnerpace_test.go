package shard

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

// slowWire takes a while for everything.
type slowWire struct {
	Wire
	takes time.Duration
}

func (s slowWire) AppendEntries(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse) error {
	wait(s.takes, nil)
	return nil
}

func (s slowWire) InstallSnapshot(_ raft.ServerID, _ raft.ServerAddress, _ *raft.InstallSnapshotRequest, _ *raft.InstallSnapshotResponse, data io.Reader) error {
	chunk := make([]byte, 64<<10)
	for {
		if _, err := io.ReadFull(data, chunk); err != nil {
			return nil
		}
		wait(s.takes, nil)
	}
}

func (slowWire) ForgetMatch(string) {}

// paced is a wire over one that takes 2 ms for everything; the log ends at last().
func paced(t *testing.T, last func() uint64) *pacedWire {
	return newPacedWire(slowWire{takes: 2 * time.Millisecond}, func(node string) bool { return node == "learner" }, last, t.Context().Done())
}

func entries(n int) *raft.AppendEntriesRequest {
	request := &raft.AppendEntriesRequest{}
	for range n {
		request.Entries = append(request.Entries, &raft.Log{})
	}
	return request
}

func took(do func() error) time.Duration {
	began := time.Now()
	_ = do()
	return time.Since(began)
}

func TestLearnersAreBroughtTheLogInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := paced(t, func() uint64 { return 10_000 })
		for _, row := range []struct {
			node    string
			entries int
			want    time.Duration
		}{
			{"learner", 128, (1 + learnerRest) * 2 * time.Millisecond},
			{"learner", 1, 2 * time.Millisecond}, // what was written just now waits for nothing
			{"voter", 128, 2 * time.Millisecond},
		} {
			request := entries(row.entries)
			got := took(func() error {
				return w.AppendEntries(raft.ServerID(row.node), "", request, &raft.AppendEntriesResponse{})
			})
			if got != row.want {
				t.Errorf("%d entries to a %s took %v, want %v", row.entries, row.node, got, row.want)
			}
		}
	})
}

// However fast clients write, a learner reaches the end of the log: where it does not come nearer, it is brought more.
func TestLearnerThatComesNoNearerIsBroughtMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := uint64(0)
		w := paced(t, func() uint64 { return sent + 100_000 })
		request := entries(128)
		began := time.Now()
		for took(func() error { return w.AppendEntries("learner", "", request, &raft.AppendEntriesResponse{}) }) > 2*time.Millisecond {
			sent += 128
			request.PrevLogEntry = sent
			if time.Since(began) > 10*learnerLook {
				t.Fatalf("after %v it still rests", time.Since(began))
			}
		}
		w.ForgetMatch("learner")
		if got := took(func() error { return w.AppendEntries("learner", "", request, &raft.AppendEntriesResponse{}) }); got != (1+learnerRest)*2*time.Millisecond {
			t.Errorf("a learner that begins anew: %v", got)
		}
	})
}

func TestLearnersAreBroughtOneSnapshotInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := paced(t, func() uint64 { return 0 })
		install := func(node string) time.Duration {
			data := bytes.NewReader(make([]byte, 10*(64<<10)))
			return took(func() error {
				return w.InstallSnapshot(raft.ServerID(node), "", &raft.InstallSnapshotRequest{}, &raft.InstallSnapshotResponse{}, data)
			})
		}
		const full = 10 * 2 * time.Millisecond
		if got := install("learner"); got < (1+learnerRest)*full || got > (2+learnerRest)*full {
			t.Errorf("the first took %v, want %v", got, (1+learnerRest)*full)
		}
		for _, node := range []string{"learner", "voter"} {
			if got := install(node); got != full {
				t.Errorf("another, to the %s, took %v, want %v", node, got, full)
			}
		}
	})
}
