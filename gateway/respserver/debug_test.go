package respserver

import (
	"strings"
	"sync/atomic"
	"testing"
)

func TestDebugIsForThoseWhoEnableIt(t *testing.T) {
	c := start(t, fixtureConfig{}).dial()
	if got := c.do("DEBUG SLEEP 0"); !strings.HasPrefix(got, "-ERR DEBUG command not allowed.") {
		t.Errorf("DEBUG where it is not enabled: %q", got)
	}
	var active []bool
	f := start(t, fixtureConfig{with: func(c *Config) {
		c.EnableDebug, c.SetActiveExpiry = true, func(on bool) { active = append(active, on) }
	}})
	c = f.dial()
	c.want("SET k 12", "+OK", "DEBUG SLEEP 0", "+OK", "DEBUG SLEEP 0.001", "+OK", "DEBUG SLEEP x", "-ERR value is not a valid float",
		"DEBUG SLEEP -1", "-ERR value is not a valid float", "DEBUG OBJECT none", "-ERR no such key",
		"DEBUG SET-ACTIVE-EXPIRE 0", "+OK", "DEBUG SET-ACTIVE-EXPIRE 1", "+OK",
		"DEBUG NOSUCH", "-ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP.")
	if got := c.do("DEBUG OBJECT k"); !strings.Contains(got, " encoding:int serializedlength:2 ") || !strings.HasSuffix(got, " type:string") {
		t.Errorf("DEBUG OBJECT: %q", got)
	}
	if len(active) != 2 || active[0] || !active[1] {
		t.Errorf("active expiry was switched to %v", active)
	}
	if got := c.do("DEBUG HELP"); !strings.Contains(got, "SLEEP <seconds>") {
		t.Errorf("DEBUG HELP: %q", got)
	}
}

// SHUTDOWN has no reply but the end of the connection.
func TestShutdownEndsTheNode(t *testing.T) {
	c := start(t, fixtureConfig{}).dial()
	c.want("SHUTDOWN ABORT", "-ERR No shutdown in progress.", "SHUTDOWN SAVE NOSAVE", "-ERR syntax error", "SHUTDOWN ABORT NOW", "-ERR syntax error",
		"SHUTDOWN later", "-ERR syntax error", "SHUTDOWN", "-ERR this node cannot be stopped by a client; end its process")
	var asked atomic.Int32
	f := start(t, fixtureConfig{with: func(c *Config) {
		c.Shutdown, c.Saver = func() { asked.Add(1) }, savedAlready{}
	}})
	for _, command := range []string{"SHUTDOWN", "SHUTDOWN NOSAVE NOW FORCE", "shutdown save"} {
		c := f.dial()
		before := asked.Load()
		c.send(command)
		if said := c.wantClosed(); said != "" || asked.Load() != before+1 {
			t.Errorf("%s: said %q, asked %d times", command, said, asked.Load()-before)
		}
	}
}
