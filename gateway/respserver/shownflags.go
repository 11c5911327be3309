package respserver

// The states of a connection that CLIENT LIST shows beside those that others keep.
const (
	shownReadOnly uint32 = 1 << iota
	shownTracking
	shownBroadcast
	shownBrokenRedirect
	shownNoEvict
	shownNoTouch
)

func (c *conn) show(flag uint32, on bool) {
	if on {
		c.shown.Or(flag)
	} else {
		c.shown.And(^flag)
	}
}

// shownFlags are the letters by which CLIENT LIST describes a connection (Redis, networking.c, catClientInfoString).
func (c *conn) shownFlags() string {
	shown := c.shown.Load()
	var letters []byte
	for _, f := range []struct {
		letter byte
		on     bool
	}{
		{'P', c.listens()}, {'x', c.queued.Load() >= 0}, {'b', c.waiting.Load()}, {'t', shown&shownTracking != 0}, {'R', shown&shownBrokenRedirect != 0}, {'B', shown&shownBroadcast != 0}, {'A', c.killed.Load()},
		{'r', shown&shownReadOnly != 0}, {'e', shown&shownNoEvict != 0}, {'T', shown&shownNoTouch != 0},
	} {
		if f.on {
			letters = append(letters, f.letter)
		}
	}
	if len(letters) == 0 {
		return "N"
	}
	return string(letters)
}
