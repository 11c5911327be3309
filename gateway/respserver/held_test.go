package respserver

import (
	"strings"
	"testing"
)

// Half of a large command is held by the connection that sends it. All of them together must not take what the machine has.
func TestHalfCommandsOfManyClientsAreBoundedTogether(t *testing.T) {
	const limit = 4 << 20
	f := start(t, fixtureConfig{limits: Limits{ClientsBytesMax: limit}})
	bystander := f.dial()
	bystander.want("SET k v", "+OK")
	half := "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$2000000\r\n" + strings.Repeat("v", 1500000)
	var clients []*client
	for range 12 {
		c := f.dial()
		clients = append(clients, c)
		_, _ = c.nc.Write([]byte(half)) // it may be cut in the middle of it
	}
	eventually(t, "some of them are cut, and the rest fits", func() bool {
		st := f.server.Stats()
		return st.OutputCuts > 0 && f.server.held.Load() <= limit && st.Connections > 1
	})
	bystander.want("GET k", "v")
	for _, c := range clients {
		_ = c.nc.Close()
	}
	eventually(t, "nothing is held once they are gone", func() bool { return f.server.held.Load() == 0 && f.server.Stats().Connections == 1 })
	// What fits is served as before, and holds nothing afterwards.
	bystander.want("SET big "+strings.Repeat("v", 2<<20), "+OK", "STRLEN big", ":2097152", "GET k", "v")
	eventually(t, "nothing is held", func() bool { return f.server.held.Load() == 0 })
}

func TestRepliesOfAllClientsAreBoundedTogether(t *testing.T) {
	const limit = 500 << 10
	f := start(t, fixtureConfig{limits: Limits{ClientsBytesMax: limit}})
	c := f.dial()
	c.want("SET k "+strings.Repeat("v", 200<<10), "+OK")
	// Behind an open write a few reads wait, and their replies are held. The others come one after another.
	c.send("SET x 1", "GET k", "GET k", "GET k", "GET k", "GET k", "GET k", "GET k", "GET k")
	full, refused := 0, 0
	for range 9 {
		switch got := c.recv(); {
		case len(got) == 200<<10:
			full++
		case strings.Contains(got, "maxmemory-clients"):
			refused++
		}
	}
	if full != 6 || refused != 2 {
		t.Errorf("%d replies came and %d were refused, want 6 and 2", full, refused)
	}
	eventually(t, "nothing is held", func() bool { return f.server.held.Load() == 0 })
	c.want("GET x", "1")
}

// A client that asks for large values and does not read holds what the system does not take.
func TestRepliesThatNobodyReadsAreBoundedTogether(t *testing.T) {
	const limit, size = 24 << 20, 8 << 20
	f := start(t, fixtureConfig{limits: Limits{ClientsBytesMax: limit}})
	bystander := f.dial()
	bystander.want("SET big "+strings.Repeat("v", size), "+OK", "SET small "+strings.Repeat("v", 4), "+OK")
	holders := []*client{f.dial(), f.dial()}
	for _, holder := range holders {
		holder.send("GET big")
	}
	eventually(t, "replies are held", func() bool { return f.server.held.Load() >= 2*size })
	bystander.send("GET big")
	if got := bystander.recv(); !strings.Contains(got, "maxmemory-clients") {
		t.Errorf("got %.100q, want an error", got)
	}
	bystander.want("GET small", "vvvv")
	for _, holder := range holders {
		if got := holder.recv(); len(got) != size {
			t.Errorf("got %d bytes, want %d", len(got), size)
		}
	}
	eventually(t, "nothing is held", func() bool { return f.server.held.Load() == 0 })
	bystander.send("GET big")
	if got := bystander.recv(); len(got) != size {
		t.Errorf("got %d bytes, want %d", len(got), size)
	}
}
