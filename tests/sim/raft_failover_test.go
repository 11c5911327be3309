package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/holtcache/holt/shard/logstore/crashstore"
)

// The leader loses its power at any moment between two heartbeats, with followers that are level or of which one is behind. Another
// one leads when the heartbeat timeout and the time for an election have passed, in the very next term. Of two candidates that
// cannot know of each other yet both may get votes, now and then and with five nodes: then the one after is elected.
func TestNextLeaderIsElectedOnceTheHeartbeatTimeoutHasPassed(t *testing.T) {
	t.Parallel()
	cases, late := 0, 0
	for _, members := range [][]string{{"a", "b", "c"}, {"a", "b", "c", "d", "e"}} {
		for _, delay := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
			for _, behind := range []string{"", "b", "c"} {
				for seed := range uint64(leaderSeeds) {
					name := fmt.Sprintf("nodes=%d/delay=%v/behind=%s/seed=%d", len(members), delay, behind, seed)
					t.Run(name, func(t *testing.T) {
						runRaft(t, raftOptions{seed: seed, members: members}, func(w *raftWorld) {
							cases++
							if why := w.loseLeader(delay, behind); why != "" {
								late++
								t.Log(why)
							}
						})
					})
				}
			}
		}
	}
	if late > max(cases/12, 2) {
		t.Errorf("in %d of %d cases the next leader came late or in a later term, want few", late, cases)
	}
}

// loseLeader says what was wrong with how the next leader came to be, "" for nothing.
func (w *raftWorld) loseLeader(delay time.Duration, behind string) (why string) {
	w.t.Helper()
	a := w.lead("a")
	w.set(a, "k", "v")
	w.eventually(time.Second, "the followers have all of the log", w.level)
	if behind != "" { // what is held back is lost with the leader
		w.net.holdBack("a", behind, kindAppend)
		w.set(a, "k", "v2")
	}
	for _, from := range w.ids() { // messages overtake each other
		for _, to := range w.ids() {
			w.net.change(from, to, func(p *raftPath) { p.least, p.most = 0, delay })
		}
	}
	time.Sleep(time.Duration(w.rnd.Int64N(int64(200 * time.Millisecond))))
	term, _ := a.replica.Leader()
	began := time.Now()
	w.crash("a", crashstore.LoseUnsynced)
	var next *raftNode
	w.eventually(5*time.Second, "a new leader", func() bool {
		for _, n := range w.nodes {
			if n.leads() {
				next = n
			}
		}
		return next != nil
	})
	if took, most := time.Since(began), w.options.timings.Heartbeat+50*time.Millisecond+4*delay; took > most {
		why = fmt.Sprintf("%s was elected after %v, want at most %v", next.id, took, most)
	}
	if now, _ := next.replica.Leader(); now != term+1 {
		why += fmt.Sprintf("; %s leads term %d after term %d: votes were split", next.id, now, term)
	}
	return why
}

// Nobody who hears the leader calls an election, however slow the network is below the heartbeat timeout.
func TestSlowHeartbeatsElectNobody(t *testing.T) {
	runRaft(t, raftOptions{}, func(w *raftWorld) {
		a := w.lead("a")
		term, _ := a.replica.Leader()
		for _, from := range w.ids() {
			for _, to := range w.ids() {
				w.net.change(from, to, func(p *raftPath) { p.least, p.most = 0, 50*time.Millisecond })
			}
		}
		time.Sleep(time.Minute)
		for _, n := range w.nodes {
			if now := n.replica.Term(); now != term {
				t.Errorf("%s is in term %d, was in %d", n.id, now, term)
			}
		}
	})
}
