package shard

import (
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// silence tells when a follower has heard nothing for the heartbeat timeout. Raft's own timer is armed with one to two
// timeouts, and again when it finds that it rang too early: it notices a silence of one to three. It goes on
// beside this one, and decides: what notices here only makes it look.
type silence struct {
	timeout time.Duration
	from    time.Time // nothing was heard since, or raft was told since
	planned time.Time // of the next look
}

// A look that comes late by heldUp says that this process did not run: what it was sent meanwhile waits in its
// sockets, and gets catchUp to reach raft.
const (
	heldUp  = 10 * time.Millisecond
	catchUp = 20 * time.Millisecond
)

// look tells whether raft is to look now, and when to look again. heard is when the leader was heard last.
func (s *silence) look(now, heard time.Time, follows bool) (again time.Duration, notice bool) {
	if !follows {
		s.from = now
	}
	if heard.After(s.from) {
		s.from = heard
	}
	late := now.Sub(s.planned)
	due := s.from.Add(s.timeout)
	switch {
	case now.Before(due):
		s.planned = due
	case late >= heldUp:
		s.planned = now.Add(catchUp)
	default:
		s.from, notice = now, true // once for each timeout
		s.planned = now.Add(s.timeout)
	}
	return s.planned.Sub(now), notice
}

// watchSilence makes raft look as soon as the leader has been silent for the heartbeat timeout.
func (m *member) watchSilence() {
	s := &silence{timeout: m.cfg.Timings.Heartbeat, from: time.Now(), planned: time.Now()}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-timer.C:
		}
		again, notice := s.look(time.Now(), m.raft.LastContact(), m.raft.State() == raft.Follower)
		if notice && !m.Guarded() && m.votes() {
			m.notice()
		}
		timer.Reset(again)
	}
}

// votes tells whether this replica is a voter.
func (m *member) votes() bool {
	ids, _ := m.voters()
	return slices.Contains(ids, raft.ServerID(m.cfg.Node))
}

// notice makes raft look at once whether it has heard the leader within the heartbeat timeout. ReloadConfig wakes a
// follower when the timeout becomes shorter.
func (m *member) notice() {
	rc := m.raft.ReloadableConfig()
	shorter := rc
	shorter.HeartbeatTimeout--
	for _, c := range []raft.ReloadableConfig{shorter, rc} {
		if err := m.raft.ReloadConfig(c); err != nil { // it was valid before
			m.cfg.Logger.Error("raft refused its own timings", "shard", m.cfg.Group, "err", err)
		}
	}
}
