package respserver

import (
	"strings"
	"testing"
)

func TestClientListShowsWhatAConnectionDoes(t *testing.T) {
	f := start(t, fixtureConfig{})
	watcher, c := f.dial(), f.dial()
	shown := func() string {
		t.Helper()
		for line := range strings.Lines(watcher.do("CLIENT LIST ID 2")) {
			_, flags, _ := strings.Cut(line, " flags=")
			flags, _, _ = strings.Cut(flags, " ")
			return flags
		}
		return "no line"
	}
	for _, step := range [][2]string{
		{"CLIENT ID", "N"}, {"CLIENT NO-EVICT ON", "e"}, {"CLIENT NO-TOUCH ON", "eT"}, {"READONLY", "reT"}, {"READWRITE", "eT"},
		{"HELLO 3", "eT"}, {"CLIENT TRACKING ON", "teT"}, {"CLIENT TRACKING OFF", "eT"}, {"MULTI", "xeT"}, {"RESET", "N"},
	} {
		c.do(step[0])
		if got := shown(); got != step[1] {
			t.Errorf("after %s: got %s, want %s", step[0], got, step[1])
		}
	}
}

// An empty address is nobody's.
func TestClientKillOfAnEmptyAddressKillsNobody(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.raw("*3\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$0\r\n\r\n")
	if got := c.recv(); got != "-ERR No such client" {
		t.Errorf("CLIENT KILL '': %q", got)
	}
	c.raw("*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$5\r\nLADDR\r\n$0\r\n\r\n")
	if got := c.recv(); got != ":0" {
		t.Errorf("CLIENT KILL LADDR '': %q", got)
	}
}

func TestInfoCountsTraffic(t *testing.T) {
	c := start(t, fixtureConfig{}).dial()
	c.want("PING", "+PONG")
	stats := c.do("INFO stats")
	for _, field := range []string{"total_net_input_bytes:", "total_net_output_bytes:"} {
		_, value, _ := strings.Cut(stats, field)
		if value == "" || value[0] == '0' {
			t.Errorf("%s%.10q", field, value)
		}
	}
	if !strings.Contains(stats, "instantaneous_ops_per_sec:") || !strings.Contains(c.do("INFO everything"), "# Modules") {
		t.Error("INFO lacks fields")
	}
}
