package respserver

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/acl"
)

func TestHelloAndAuth(t *testing.T) {
	open := start(t, fixtureConfig{})
	c := open.dial()
	if got, want := c.do("HELLO 3"), "[server redis version 7.2.4 proto :3 id :1 mode cluster role master modules []]"; got != want {
		t.Errorf("HELLO 3: got %q, want %q", got, want)
	}
	c.want("HELLO 4", "-NOPROTO unsupported protocol version", "HELLO abc", "-ERR Protocol version is not an integer or out of range",
		"HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'", "GET nosuch", "(nil)",
		"AUTH x", "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
		"ACL WHOAMI", "default")
	locked := start(t, fixtureConfig{with: func(c *Config) { c.Access = acl.NewRegistry(c.Table, "secret", nil) }})
	c = locked.dial()
	wrong := "-WRONGPASS invalid username-password pair or user is disabled."
	c.want("HELLO 3", "-NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
		"HELLO 3 AUTH default wrong", wrong, "AUTH wrong", wrong, "AUTH other secret", wrong, "NOSUCH", "-ERR unknown command 'NOSUCH', with args beginning with: ",
		"PING", "-NOAUTH Authentication required.")
	if got := c.do("HELLO 3 AUTH default secret SETNAME me"); !strings.Contains(got, "proto :3") {
		t.Errorf("HELLO with AUTH: got %q", got)
	}
	c.want("CLIENT GETNAME", "me", "PING", "+PONG", "RESET", "+RESET", "PING", "-NOAUTH Authentication required.", "AUTH default secret", "+OK", "QUIT", "+OK")
	c.wantClosed()
}

func TestConnectionCommands(t *testing.T) {
	c := start(t, fixtureConfig{}).dial()
	c.want("SELECT 0", "+OK", "SELECT 1", "-ERR SELECT is not allowed in cluster mode", "SELECT x", "-ERR value is not an integer or out of range",
		"CLIENT ID", ":1", "CLIENT SETNAME conn", "+OK", "CLIENT GETNAME", "conn",
		"CLIENT SETINFO LIB-NAME lib", "+OK", "CLIENT SETINFO lib-ver 1.0", "+OK", "CLIENT SETINFO other x", "-ERR Unrecognized option 'other'",
		"CLIENT NO-EVICT ON", "+OK", "CLIENT NO-TOUCH OFF", "+OK", "CLIENT NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.",
		"FUNCTION FLUSH", "+OK", "SCRIPT FLUSH SYNC", "+OK", "ASKING", "+OK", "WAIT 0 0", ":0", "WAIT x 0", "-ERR value is not an integer or out of range",
		"WAIT 1 -1", "-ERR timeout is negative", "CLIENT", "-ERR wrong number of arguments for 'client' command")
	info := c.do("CLIENT INFO")
	for _, field := range []string{"id=1 ", " name=conn ", " cmd=client|info ", " lib-name=lib ", " lib-ver=1.0", " resp=2 ", " multi=-1 "} {
		if !strings.Contains(info, field) {
			t.Errorf("CLIENT INFO lacks %q: %q", field, info)
		}
	}
	if got := c.do("CLIENT LIST"); got != info {
		if !strings.HasPrefix(got, "id=1 ") || strings.Count(got, "\n") != 1 {
			t.Errorf("CLIENT LIST: %q", got)
		}
	}
}

func TestClientKillAndPause(t *testing.T) {
	f := start(t, fixtureConfig{})
	a, b := f.dial(), f.dial()
	a.want("CLIENT ID", ":1")
	b.want("CLIENT ID", ":2")
	a.want("CLIENT KILL ID 2", ":1", "CLIENT KILL ID 2", ":0", "CLIENT KILL 1.2.3.4:5", "-ERR No such client", "CLIENT KILL TYPE nosuch", "-ERR Unknown client type 'nosuch'")
	b.wantClosed()
	c := f.dial()
	a.want("CLIENT PAUSE 100000 WRITE", "+OK", "GET a", "(nil)")
	c.send("SET a 1")
	eventually(t, "the write is held", func() bool { return f.server.Stats().Commands["set"] == 1 })
	a.want("GET a", "(nil)", "CLIENT UNPAUSE", "+OK")
	if got := c.recv(); got != "+OK" {
		t.Fatalf("the held write: got %q", got)
	}
	a.want("CLIENT KILL ADDR "+a.nc.LocalAddr().String()+" SKIPME NO", ":1")
	a.wantClosed()
}

func TestWaitTellsHowManyReplicasHoldTheLastWrite(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("SET a 1", "+OK", "WAIT 1 20", ":0")
	f.replicas[0].acked.Store(2)
	c.want("WAIT 1 0", ":2", "WAIT 2 0", ":2")
	c.send("WAIT 3 0")
	eventually(t, "the connection waits", func() bool { return strings.Contains(f.dial().do("INFO clients"), "blocked_clients:1") })
	f.replicas[0].acked.Store(3)
	if got := c.recv(); got != ":3" {
		t.Fatalf("got %q", got)
	}
	for _, how := range []string{"TIMEOUT", "ERROR"} {
		c.send("WAIT 9 0")
		other := f.dial()
		eventually(t, "the connection is unblocked", func() bool { return other.do("CLIENT UNBLOCK 1 "+how) == ":1" })
		if got := c.recv(); got != map[string]string{"TIMEOUT": ":3", "ERROR": "-UNBLOCKED client unblocked via CLIENT UNBLOCK"}[how] {
			t.Fatalf("UNBLOCK %s: got %q", how, got)
		}
	}
	// A client that leaves ends its wait.
	c.send("WAIT 9 0")
	_ = c.nc.Close()
	eventually(t, "the wait has ended", func() bool { return strings.Contains(f.dial().do("INFO clients"), "blocked_clients:0") })
}

func TestEveryCommandOfTheTableIsAnswered(t *testing.T) {
	f := start(t, fixtureConfig{})
	for spec, r := range f.server.rows {
		if spec.Parse == nil && r.handler == nil {
			t.Errorf("%s: no handler", spec.Name)
		}
		if spec.Parse == nil && len(spec.Subcommands) == 0 && allHandlers()[spec.Name] == nil && spec.Name != "exec" {
			t.Errorf("%s has neither Parse nor a handler", spec.Name)
		}
	}
	for name := range allHandlers() {
		found := false
		for spec := range f.server.rows {
			found = found || spec.Name == name
		}
		if !found {
			t.Errorf("handler of %s, which is not in the table", name)
		}
	}
}

func TestInfoHasWhatClientsLookFor(t *testing.T) {
	f := start(t, fixtureConfig{with: func(c *Config) { c.Info = func() InfoFacts { return InfoFacts{Version: "0.1", Port: 7001} } }})
	c := f.dial()
	c.want("SET a 1", "+OK", "GETX", "-ERR unknown command 'GETX', with args beginning with: ")
	info := c.do("INFO")
	for _, line := range []string{"redis_version:7.2.4", "holt_version:0.1", "redis_mode:cluster", "arch_bits:64", "tcp_port:7001", "connected_clients:1",
		"loading:0", "role:master", "master_repl_offset:0", "cluster_enabled:1", "mem_allocator:go", "db0:keys=1,expires=0,avg_ttl=0", "errorstat_ERR:count=1"} {
		if !strings.Contains(info, line+"\r\n") {
			t.Errorf("INFO lacks %q:\n%s", line, info)
		}
	}
	if got := c.do("INFO commandstats"); !strings.Contains(got, "cmdstat_set:calls=1,") || strings.Contains(got, "# Server") {
		t.Errorf("INFO commandstats: %q", got)
	}
	c.want("SET a", "-ERR wrong number of arguments for 'set' command", "INCR a x", "-ERR wrong number of arguments for 'incr' command", "SET a 1 EX 0", "-ERR invalid expire time in 'set' command")
	if st := f.server.Stats(); st.Ended["set"].Failed != 1 || st.Commands["set"] != 2 {
		t.Errorf("%d of %d SETs failed, want 1 of 2", st.Ended["set"].Failed, st.Commands["set"])
	}
	c.want("CONFIG RESETSTAT", "+OK")
	if got := c.do("INFO commandstats"); strings.Contains(got, "cmdstat_set:") {
		t.Errorf("after CONFIG RESETSTAT: %q", got)
	}
}

type memSettings struct{ policy string }

func (s *memSettings) List() []Setting { return []Setting{{"maxmemory-policy", s.policy}} }

func TestConfigGetAndSet(t *testing.T) {
	settings := &memSettings{"noeviction"}
	c := start(t, fixtureConfig{with: func(c *Config) { c.Settings = settings }}).dial()
	c.want("CONFIG GET save appendonly", "[appendonly yes save ]", "CONFIG GET MAXMEMORY*", "[maxmemory 0 maxmemory-clients 1073741824 maxmemory-policy noeviction maxmemory-samples 5]", "CONFIG GET nosuch", "[]",
		"CONFIG SET appendonly yes", "+OK",
		"CONFIG SET appendonly no", "-ERR CONFIG SET failed (possibly related to argument 'appendonly') - can't set immutable config",
		"CONFIG SET maxmemory-policy allkeys-lru", "+OK", "CONFIG GET maxmemory-policy", "[maxmemory-policy allkeys-lru]",
		"CONFIG SET nosuch 1", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
		"CONFIG SET save", "-ERR wrong number of arguments for 'config|set' command",
		"CONFIG SET save 60 maxmemory-policy", "-ERR syntax error",
		"CONFIG SET maxmemory-policy lru", "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the following: ...",
		"CONFIG SET maxmemory-policy volatile-ttl maxmemory-policy allkeys-lfu", "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - duplicate parameter",
		"CONFIG SET maxmemory-policy volatile-ttl databases 2", "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config",
		"CONFIG SET maxmemory-policy volatile-ttl nosuch 2", "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'",
		"CONFIG GET maxmemory-policy", "[maxmemory-policy allkeys-lru]", // nothing of these was changed
		"CONFIG SET databases 1 maxmemory-policy volatile-ttl", "+OK", "CONFIG GET maxmemory-policy", "[maxmemory-policy volatile-ttl]",
		"CONFIG REWRITE", "+OK")
}

func (s *memSettings) Set(_ context.Context, changes []Setting) error {
	for _, c := range changes {
		if c.Value == "lru" {
			return &SettingError{c.Name, errors.New("argument(s) must be one of the following: ...")}
		}
	}
	for _, c := range changes {
		s.policy = c.Value
	}
	return nil
}
