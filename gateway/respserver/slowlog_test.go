package respserver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/resp"
)

// slowCommands are the commands of the slow log, the last one first.
func (f *fixture) slowCommands() (commands []string) {
	for _, e := range f.server.SlowLog(slowLogEntriesMax) {
		commands = append(commands, strings.Join(e.Args, " "))
	}
	return commands
}

func TestSlowLogKeepsTheNewestCommandsThatTookLong(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("CLIENT SETNAME me", "+OK", "SET a 1", "+OK", "SLOWLOG LEN", ":0", "CONFIG SET slowlog-log-slower-than 0 slowlog-max-len 3", "+OK",
		"SLOWLOG RESET", "+OK")
	for _, pair := range [][2]string{{"SET a 1", "+OK"}, {"GET a", "1"}, {"PING", "+PONG"}, {"SLOWLOG LEN", ":3"}} {
		c.want(pair[0], pair[1]) // each in a round of its own
	}
	if got, want := strings.Join(f.slowCommands(), ","), "SLOWLOG LEN,PING,GET a"; got != want {
		t.Errorf("the slow log has %q, want %q", got, want)
	}
	reply := c.ask("SLOWLOG GET 2")
	if len(reply.Elems) != 2 || len(reply.Elems[0].Elems) != 6 {
		t.Fatalf("SLOWLOG GET 2: %+v", reply)
	}
	first := reply.Elems[0].Elems
	if at := first[1].Int; at < time.Now().Unix()-60 || at > time.Now().Unix() || first[2].Int < 0 || first[2].Int > 60e6 {
		t.Errorf("at %d, %d us", at, first[2].Int)
	}
	if string(first[4].Str) != c.nc.LocalAddr().String() || string(first[5].Str) != "me" || first[0].Int != reply.Elems[1].Elems[0].Int+1 {
		t.Errorf("id, client and name: %+v", reply)
	}
	c.want("CONFIG SET slowlog-log-slower-than -1", "+OK", "CONFIG SET slowlog-max-len 2", "+OK", "PING", "+PONG", "SLOWLOG LEN", ":2", "CONFIG GET slowlog-max-len", "[slowlog-max-len 2]",
		"CONFIG GET slowlog-log-slower-than", "[slowlog-log-slower-than -1]", "SLOWLOG GET x", "-ERR count should be greater than or equal to -1",
		"CONFIG SET slowlog-max-len 5 slowlog-log-slower-than x", "-ERR CONFIG SET failed (possibly related to argument 'slowlog-log-slower-than') - argument couldn't be parsed into an integer",
		"CONFIG SET slowlog-max-len -1", "-ERR CONFIG SET failed (possibly related to argument 'slowlog-max-len') - argument must be between 0 and 100000 inclusive",
		"CONFIG GET slowlog-max-len", "[slowlog-max-len 2]", "SLOWLOG RESET", "+OK", "SLOWLOG LEN", ":0")
}

// Each way in which a command comes to its reply ends in the slow log, once.
func TestSlowLogSeesEveryKindOfCommandOnce(t *testing.T) {
	f := start(t, fixtureConfig{shards: 2})
	c := f.dial()
	c.want("CONFIG SET slowlog-log-slower-than 0", "+OK", "SLOWLOG RESET", "+OK", "SET a 1", "+OK")
	// One round: writes, a read behind them, what is answered in the round, a refusal, a transaction.
	c.send("SET a 2", "GET a", "PING", "NOSUCH x", "SET a", "SET a v EX 0", "DEL a b", "MULTI", "INCR a", "GET a", "PING", "EXEC")
	for range 12 {
		c.recv()
	}
	c.want("MULTI", "+OK", "GET a", "+QUEUED", "DISCARD", "+OK")
	got := map[string]int{}
	for _, command := range f.slowCommands() {
		got[command]++
	}
	want := map[string]int{"SLOWLOG RESET": 1, "SET a 1": 1, "SET a 2": 1, "GET a": 2, "PING": 2, "SET a v EX 0": 1, "MULTI": 2, "INCR a": 1, "DISCARD": 1}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the slow log has\n%v, want\n%v", got, want)
	}
	ended := f.server.Stats().Ended
	for name, want := range map[string][3]uint64{"get": {2, 0, 0}, "set": {3, 1, 0}, "ping": {2, 0, 0}, "exec": {1, 0, 0}, "incr": {1, 0, 0}, "del": {0, 0, 1}} {
		st := ended[name]
		if got := [3]uint64{st.Took.Count(), st.Failed, st.Rejected}; got != want {
			t.Errorf("%s: %v were run, failed and were rejected, want %v", name, got, want)
		}
	}
}

func TestSlowLogKeepsFewCommandsOfOneRound(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("CONFIG SET slowlog-log-slower-than 0", "+OK", "SLOWLOG RESET", "+OK")
	const sent = 100
	c.send(strings.Split(strings.TrimSuffix(strings.Repeat("SET a 1,", sent), ","), ",")...)
	for range sent {
		c.recv()
	}
	if got := f.server.observer.slow.len(); got > sent/2 {
		t.Errorf("%d of %d commands that came together are in the slow log", got, sent)
	}
}

func TestSlowLogIsBoundedAndTellsNoSecrets(t *testing.T) {
	long := strings.Repeat("x", 200)
	many := "MSET"
	for i := range 50 {
		many += fmt.Sprintf(" k%d v", i)
	}
	for _, tc := range []struct{ name, command, want string }{
		{"get", "GET " + long, "GET " + long[:128] + "... (72 more bytes)"},
		{"mset", many, strings.Join(strings.Fields(many)[:31], " ") + " ... (70 more arguments)"},
		{"auth", "AUTH secret", "AUTH (redacted)"},
		{"auth", "AUTH user secret", "AUTH (redacted) (redacted)"},
		{"hello", "HELLO 3 SETNAME me AUTH user secret", "HELLO 3 SETNAME me AUTH (redacted) (redacted)"},
		{"hello", "HELLO 3 auth user secret SETNAME me", "HELLO 3 auth (redacted) (redacted) SETNAME me"},
		{"acl|setuser", "ACL SETUSER me >secret", "ACL SETUSER (redacted) (redacted)"},
		{"config|set", "CONFIG SET maxmemory 5 requirepass secret", "CONFIG SET maxmemory 5 requirepass (redacted)"},
		{"config|set", "CONFIG SET MASTERAUTH secret save x", "CONFIG SET MASTERAUTH (redacted) save x"},
		{"config|set", "CONFIG SET masteruser me gossip-key secret", "CONFIG SET masteruser me gossip-key (redacted)"},
		{"migrate", "MIGRATE h 1 k 0 5 AUTH2 user secret KEYS a", "MIGRATE h 1 k 0 5 AUTH2 (redacted) (redacted) KEYS a"},
	} {
		var args [][]byte
		for _, arg := range strings.Fields(tc.command) {
			args = append(args, []byte(arg))
		}
		got := strings.Join(shownArgs(tc.name, args), " ")
		if got != tc.want {
			t.Errorf("%.60s: got %q, want %q", tc.command, got, tc.want)
		}
	}
	// The same through a connection: the name is that of the table, however it was written.
	f := start(t, fixtureConfig{with: func(c *Config) { c.Access = acl.NewRegistry(c.Table, "secret", nil) }})
	c := f.dial()
	c.want("aUtH secret", "+OK", "CONFIG SET slowlog-log-slower-than 0", "+OK", "SLOWLOG RESET", "+OK", "AuTh secret", "+OK", "hELLo 2 aUTh default secret", "[server redis version 7.2.4 proto :2 id :1 mode cluster role master modules []]")
	if got := strings.Join(f.slowCommands(), ","); strings.Contains(got, "secret") || !strings.Contains(got, "AuTh (redacted)") {
		t.Errorf("the slow log has %q", got)
	}
}

// A command that a client had to wait with, for others or for itself, is not slow.
func TestSlowLogLeavesOutWhatWasWaitedForOnPurpose(t *testing.T) {
	f := start(t, fixtureConfig{with: func(c *Config) { c.EnableDebug = true }})
	c := f.dial()
	c.want("CONFIG SET slowlog-log-slower-than 300000", "+OK", "SET a 1", "+OK", "WAIT 1 400", ":0", "SLOWLOG LEN", ":0",
		"DEBUG SLEEP 0.4", "+OK", "SLOWLOG LEN", ":1")
	if got := f.slowCommands(); len(got) != 1 || got[0] != "DEBUG SLEEP 0.4" {
		t.Errorf("the slow log has %q", got)
	}
}

func TestLatencyCommandsTellWhatTookLong(t *testing.T) {
	f := start(t, fixtureConfig{with: func(c *Config) { c.EnableDebug = true }})
	c := f.dial()
	c.want("LATENCY LATEST", "[]", "LATENCY HISTORY command", "[]", "LATENCY HISTORY nosuch", "[]", "LATENCY RESET", ":0", "DEBUG SLEEP 0.02", "+OK", "LATENCY LATEST", "[]")
	if got := c.do("LATENCY DOCTOR"); !strings.Contains(got, "latency-monitor-threshold") {
		t.Errorf("LATENCY DOCTOR: %q", got)
	}
	c.want("CONFIG SET latency-monitor-threshold 20", "+OK", "DEBUG SLEEP 0.03", "+OK")
	latest := c.ask("LATENCY LATEST")
	if len(latest.Elems) == 0 || string(latest.Elems[0].Elems[0].Str) != "command" || latest.Elems[0].Elems[2].Int < 30 || latest.Elems[0].Elems[3].Int < 30 {
		t.Fatalf("LATENCY LATEST: %+v", latest)
	}
	if history := c.ask("LATENCY HISTORY command"); len(history.Elems) == 0 || history.Elems[0].Elems[1].Int < 30 {
		t.Errorf("LATENCY HISTORY: %+v", history)
	}
	if got := c.do("LATENCY DOCTOR"); !strings.Contains(got, "command: in ") {
		t.Errorf("LATENCY DOCTOR: %q", got)
	}
	c.want("LATENCY RESET nosuch", ":0", "LATENCY RESET command", ":1", "LATENCY HISTORY command", "[]")
	c.want("SET a 1", "+OK", "CONFIG RESETSTAT", "+OK", "SET a 1", "+OK", "GET a", "1")
	histogram := c.ask("LATENCY HISTOGRAM set nosuch")
	if len(histogram.Elems) != 2 || string(histogram.Elems[0].Str) != "set" || histogram.Elems[1].Elems[1].Int != 1 {
		t.Fatalf("LATENCY HISTOGRAM: %+v", histogram)
	}
	if buckets := histogram.Elems[1].Elems[3]; len(buckets.Elems) != 2 || buckets.Elems[1].Int != 1 || buckets.Elems[0].Int&(buckets.Elems[0].Int-1) != 0 {
		t.Errorf("histogram_usec: %+v", buckets)
	}
	if got := c.ask("LATENCY HISTOGRAM config"); len(got.Elems) != 2 || string(got.Elems[0].Str) != "config|resetstat" {
		t.Errorf("LATENCY HISTOGRAM config: %+v", got)
	}
	for _, section := range []string{"commandstats", "all"} {
		if got := c.do("INFO " + section); !strings.Contains(got, "cmdstat_set:calls=1,usec=") || !strings.Contains(got, ",rejected_calls=0,failed_calls=0\r\n") {
			t.Errorf("INFO %s: %q", section, got)
		}
	}
	if got := c.do("INFO latencystats"); !strings.Contains(got, "latency_percentiles_usec_set:p50=") {
		t.Errorf("INFO latencystats: %q", got)
	}
}

// A tally that is full loses nothing.
func TestTallyCountsMoreCommandsThanItHasRoomFor(t *testing.T) {
	f := start(t, fixtureConfig{})
	rows := f.server.calledRows()
	for _, r := range f.server.rows {
		rows = append(rows, r)
	}
	var sums tally
	for range 3 {
		for i, r := range rows {
			sums.add(1, r, time.Duration(i)*time.Microsecond, outcome(i%2))
		}
	}
	sums.flush(1)
	for i, r := range rows {
		if st := r.stats(); st.Took.Count() != 3 || st.Took.Total != 3*time.Duration(i)*time.Microsecond || st.Failed != 3*uint64(i%2) {
			t.Fatalf("%s: %d calls, %v, %d failed", r.spec.Name, st.Took.Count(), st.Took.Total, st.Failed)
		}
	}
	if got := outcomeOf(&resp.Value{Kind: resp.KindError, Str: []byte("MOVED 1 a:1")}); got != rejected {
		t.Errorf("MOVED is outcome %d", got)
	}
}
