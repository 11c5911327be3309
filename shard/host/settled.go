package host

import "sync/atomic"

// settled tells whether a node is one to give leaderships to: it has applied what the logs of its replicas held when it
// started, and is not stopping. It is once, until it leaves: a replica that comes later takes its time beside the others.
type settled struct {
	once, leaving atomic.Bool
}

func (h *Host) isSettled() bool {
	s := &h.settled
	if s.leaving.Load() || !h.cfg.Folder.loading.done.Load() {
		return false
	}
	if s.once.Load() {
		return true
	}
	for _, r := range h.Replicas() {
		if !r.Warm() {
			return false
		}
	}
	s.once.Store(true)
	return true
}
