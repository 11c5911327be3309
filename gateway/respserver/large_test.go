package respserver

import (
	"strings"
	"testing"
)

// Large writes of many clients must not stand in the log one behind the other, with everybody's small ones behind them all.
func TestLargeWritesWaitForTheirTurn(t *testing.T) {
	f := start(t, fixtureConfig{})
	for range largeAtOnce {
		f.server.large <- struct{}{} // others have them under way
	}
	writer, bystander := f.dial(), f.dial()
	large := "SET large " + strings.Repeat("v", largeBytes)
	submits := f.replicas[0].submits.Load()
	writer.send("SET small 1", large, "GET large")
	if got := writer.recv(); got != "+OK" {
		t.Fatalf("before it: got %q", got)
	}
	bystander.want("SET k v", "+OK", "EXISTS large", ":0")
	if ran := f.replicas[0].submits.Load() - submits; ran != 2 {
		t.Errorf("%d writes were handed over, want those of the small ones", ran)
	}
	<-f.server.large
	written, read := writer.recv(), writer.recv()
	if strings.Contains(written, "not applied, retry") { // all this has taken too long
		writer.send(large, "GET large")
		written, read = writer.recv(), writer.recv()
	}
	if written != "+OK" || len(read) != largeBytes {
		t.Errorf("in its turn: got %.100q, and %d bytes after it", written, len(read))
	}
	<-f.server.large
	eventually(t, "it has ended its turn", func() bool { return len(f.server.large) == 0 })
}

func TestLargeWriteWhoseTurnNeverComesIsRefused(t *testing.T) {
	f := start(t, fixtureConfig{})
	for range largeAtOnce {
		f.server.large <- struct{}{}
	}
	c := f.dial()
	c.send("SET large " + strings.Repeat("v", largeBytes))
	if got := c.recv(); !strings.Contains(got, "not applied, retry") {
		t.Errorf("got %.200q", got)
	}
	c.want("EXISTS large", ":0")
}
