package transport

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

const testGroups = 16

// manyGroups starts nodes a and b with 16 groups; those of b agree to everything.
func manyGroups(t *testing.T) (as, bs []*Group) {
	n := newPipeNet()
	ta, tb := n.start(t, "a"), n.start(t, "b")
	for id := range GroupID(testGroups) {
		as = append(as, group(t, ta, id))
		b := group(t, tb, id)
		answer(b, agree)
		bs = append(bs, b)
	}
	return as, bs
}

// The heartbeats of 16 groups, each every 50 ms for 10 s, fit into one frame per tick of 40 ms.
func TestHeartbeatsOfAllGroupsShareOneFramePerTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as, bs := manyGroups(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		ended := make(chan error, len(as))
		for i, g := range as {
			go func() {
				time.Sleep(time.Duration(i) * 3 * time.Millisecond)
				for ctx.Err() == nil {
					if _, err := sendHeartbeat(g, "b", 5); err != nil {
						ended <- err
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
				ended <- nil
			}()
		}
		for range as {
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		}
		got, reply := as[0].t.Stats(), bs[0].t.Stats()
		if perGroup := got.Heartbeats / testGroups; perGroup < 100 {
			t.Errorf("%d heartbeats per group in 10 s, want at least 100", perGroup)
		}
		if most := uint64(10*time.Second/(40*time.Millisecond)) + 2; got.HeartbeatFrames > most {
			t.Errorf("%d heartbeats went in %d frames, want at most %d", got.Heartbeats, got.HeartbeatFrames, most)
		}
		if reply.HeartbeatReplyFrames != got.HeartbeatFrames {
			t.Errorf("%d frames answered with %d", got.HeartbeatFrames, reply.HeartbeatReplyFrames)
		}
	})
}

func TestFirstHeartbeatAfterAnIdleTickGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as, _ := manyGroups(t)
		for i, wait := range []time.Duration{0, time.Second, 10 * time.Millisecond, 40 * time.Millisecond} {
			time.Sleep(wait)
			began := time.Now()
			if _, err := sendHeartbeat(as[i], "b", 5); err != nil {
				t.Fatal(err)
			}
			want := max(0, 40*time.Millisecond-wait)
			if i == 0 {
				want = 0
			}
			if took := time.Since(began); took != want {
				t.Errorf("heartbeat %v after the one before took %v, want %v", wait, took, want)
			}
		}
		frames := as[0].t.Stats().FramesSent
		time.Sleep(time.Minute)
		if idle := as[0].t.Stats().FramesSent; idle != frames {
			t.Errorf("%d frames were sent while nobody asked for any", idle-frames)
		}
	})
}

// A group of node b whose raft hangs: its requests pile up and are refused, and everybody else's are answered
// in no time (which synctest can tell exactly).
func TestStuckGroupDelaysNeitherConfirmNorOtherGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ta, tb := n.start(t, "a"), n.start(t, "b")
		stuckA, okA := group(t, ta, 1), group(t, ta, 2)
		stuckB, okB := group(t, tb, 1), group(t, tb, 2)
		answer(okB, agree)
		tb.ServeConfirm(func(gt GroupTerm) bool { return gt.Term >= 5 })
		errs := make(chan error, 3*consumerMax)
		for i := range cap(errs) {
			go func() {
				if i%2 == 0 {
					_, err := sendVote(stuckA, "b", 5)
					errs <- err
				} else {
					_, err := sendAppend(stuckA, "b", appendRequest("a", 5, 2, 2))
					errs <- err
				}
			}()
		}
		synctest.Wait()
		if len(stuckB.Consumer()) != consumerMax {
			t.Fatalf("%d requests wait for the stuck group, want %d", len(stuckB.Consumer()), consumerMax)
		}
		began := time.Now()
		ok, sent, err := ta.Confirm(t.Context(), "b", []GroupTerm{{1, 4}, {1, 5}, {2, 5}, {3, 5}})
		if err != nil || ok[0] || !ok[1] || !ok[2] || ok[3] {
			t.Errorf("Confirm = %v, %v; want false true true false (group 3 does not run there)", ok, err)
		}
		if sent.Before(began) || sent.After(time.Now()) {
			t.Errorf("sent = %v, not within the call", sent)
		}
		if _, err := sendAppend(okA, "b", appendRequest("a", 5, 2, 2)); err != nil {
			t.Errorf("append of another group: %v", err)
		}
		if _, err := sendVote(okA, "b", 5); err != nil {
			t.Errorf("vote of another group: %v", err)
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the stuck group delayed the others by %v", took)
		}
		busy, late := 0, 0
		for range cap(errs) {
			switch err := <-errs; {
			case errors.Is(err, ErrBusy):
				busy++
			case errors.Is(err, ErrTimeout):
				late++
			default:
				t.Errorf("call to the stuck group: %v", err)
			}
		}
		if late != consumerMax || busy != cap(errs)-consumerMax {
			t.Errorf("%d calls refused, %d timed out; want %d and %d", busy, late, cap(errs)-consumerMax, consumerMax)
		}
	})
}

// One stuck group among 16 in a heartbeat frame costs the others half a tick at most.
func TestStuckGroupIsLeftOutOfTheHeartbeatReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newPipeNet()
		ta, tb := n.start(t, "a"), n.start(t, "b")
		stuckA := group(t, ta, 1)
		group(t, tb, 1)
		okA, okB := group(t, ta, 2), group(t, tb, 2)
		answer(okB, agree)
		if _, err := sendHeartbeat(okA, "b", 5); err != nil { // the next ones are parked together
			t.Fatal(err)
		}
		stuck := make(chan error, 1)
		go func() { _, err := sendHeartbeat(stuckA, "b", 5); stuck <- err }()
		synctest.Wait()
		began := time.Now()
		if _, err := sendHeartbeat(okA, "b", 5); err != nil {
			t.Errorf("heartbeat of a healthy group: %v", err)
		}
		if took := time.Since(began); took > 60*time.Millisecond {
			t.Errorf("took %v, want at most a tick and a half", took)
		}
		if err := <-stuck; !errors.Is(err, ErrTimeout) {
			t.Errorf("heartbeat of the stuck group: %v, want ErrTimeout", err)
		}
		if frames := ta.Stats().HeartbeatFrames; frames != 2 {
			t.Errorf("%d frames, want 2", frames)
		}
	})
}

// The disk-stall watchdog: nothing that would keep this node leader leaves for a suspended group.
func TestSuspendedGroupFallsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as, bs := manyGroups(t)
		a, b := as[1], bs[1]
		for _, g := range []*Group{a, b} {
			g.t.ServeConfirm(func(GroupTerm) bool { return true })
		}
		confirm := func(from *Transport, to string) bool {
			ok, _, err := from.Confirm(t.Context(), to, []GroupTerm{{1, 5}, {2, 5}})
			if err != nil || !ok[1] {
				t.Errorf("Confirm of another group: %v, %v", ok, err)
			}
			return ok[0]
		}
		a.SetSuspended(func() bool { return true })
		_, heartbeatErr := sendHeartbeat(a, "b", 5)
		_, appendErr := sendAppend(a, "b", appendRequest("a", 5, 2, 2))
		snapshotErr := a.InstallSnapshot("b", "b", &raft.InstallSnapshotRequest{}, &raft.InstallSnapshotResponse{}, nil)
		for what, err := range map[string]error{"heartbeat": heartbeatErr, "append": appendErr, "snapshot": snapshotErr} {
			if !errors.Is(err, ErrSuspended) {
				t.Errorf("%s: error %v, want ErrSuspended", what, err)
			}
		}
		if confirm(a.t, "b") {
			t.Error("the suspended group's own lease was confirmed")
		}
		if confirm(b.t, "a") {
			t.Error("the suspended group confirmed another leader's lease")
		}
		a.SetSuspended(func() bool { return false })
		if _, err := sendHeartbeat(a, "b", 5); err != nil || !confirm(a.t, "b") || !confirm(b.t, "a") {
			t.Errorf("after the suspension: heartbeat error %v, or not confirmed", err)
		}
	})
}
