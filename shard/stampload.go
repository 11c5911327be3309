package shard

import (
	"time"

	"github.com/holtcache/holt/raftfsm"
)

const (
	// loadingLag is how old an entry is, when it is applied, that says of a replica that it is catching up.
	loadingLag = 5 * time.Second
	// loadingJump is how many entries between two looks can only have come by a snapshot: some ten times what is written in
	// a quarter of a second.
	loadingJump = 8192
)

// loading tells until when a replica got its keys from snapshots and old entries: their access stamps are old, or of the
// time of loading, which says nothing of uses. To take a replica for one that loads costs it the uses that it alone saw.
type loading struct {
	// target is where the log ended when it was opened.
	target uint64
	// applied is the index at the last look.
	applied uint64
	until   int64 // in milliseconds since the Unix epoch
}

// note looks at where the state machine is now.
func (l *loading) note(state raftfsm.State, now int64) {
	old := state.Applied != l.applied && now-state.Time > loadingLag.Milliseconds()
	if l.applied == 0 || l.applied < l.target || old || state.Applied > l.applied+loadingJump {
		l.until = now
	}
	l.applied = state.Applied
}
