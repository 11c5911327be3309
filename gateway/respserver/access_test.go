package respserver

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holtcache/holt/gateway/acl"
)

// memUsers are the users of a cluster of one node.
type memUsers struct {
	registry *acl.Registry

	mu     sync.Mutex // protects the field below
	stored []acl.Stored
}

func (m *memUsers) SetUser(_ context.Context, name string, rules []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var before []byte
	at := len(m.stored)
	for i, s := range m.stored {
		if s.Name == name {
			before, at = s.Rules, i
		}
	}
	u, err := m.registry.Change(name, before, rules)
	if err != nil {
		return err
	}
	if at == len(m.stored) {
		m.stored = append(m.stored, acl.Stored{Name: name})
	}
	m.stored[at].Rules = []byte(u.Rules())
	m.registry.Replace(m.stored)
	return nil
}

func (m *memUsers) DeleteUser(_ context.Context, name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, s := range m.stored {
		if s.Name == name {
			m.stored = append(m.stored[:i:i], m.stored[i+1:]...)
			m.registry.Replace(m.stored)
			return true, nil
		}
	}
	return false, nil
}

// withUsers is a server whose users can be changed.
func withUsers(t *testing.T, password string, more ...func(*Config)) *fixture {
	t.Helper()
	return start(t, fixtureConfig{with: func(c *Config) {
		c.Access = acl.NewRegistry(c.Table, password, nil)
		c.Access.Replace(nil)
		c.Users = &memUsers{registry: c.Access}
		for _, m := range more {
			m(c)
		}
	}})
}

const (
	noPermCommand = "-NOPERM this user has no permissions to run the '"
	noPermKey     = "-NOPERM this user has no permissions to access one of the keys used as arguments"
	wrongPass     = "-WRONGPASS invalid username-password pair or user is disabled."
	p1            = "f64551fcd6f07823cb87971cfb91446425da18286b3ab1ef935e0cbd7a69f68a"
)

func TestACLCommandsAnswerAsRedis(t *testing.T) {
	c := withUsers(t, "").dial()
	c.want("ACL WHOAMI", "default", "ACL LIST", "[user default on nopass ~* &* +@all]", "ACL USERS", "[default]",
		"ACL SETUSER alice on >p1 ~app:* %R~ro:* &ch:* +@read +set -get +config|get", "+OK",
		"ACL USERS", "[alice default]",
		"ACL LIST", "[user alice on #"+p1+" ~app:* %R~ro:* resetchannels &ch:* -@all +@read +set -get +config|get user default on nopass ~* &* +@all]",
		"ACL GETUSER alice", "[flags [on] passwords ["+p1+"] commands -@all +@read +set -get +config|get keys ~app:* %R~ro:* channels &ch:* selectors []]",
		"ACL GETUSER nobody", "(nil)",
		"ACL SETUSER bob +nosuch", "-ERR Error in ACL SETUSER modifier '+nosuch': Unknown command or category name in ACL",
		"ACL SETUSER bob (+get", "-ERR Unmatched parenthesis in acl selector starting at '(+get'.",
		"ACL SETUSER", "-ERR wrong number of arguments for 'acl|setuser' command",
		"ACL DELUSER default", "-ERR The 'default' user cannot be removed",
		"ACL DRYRUN alice get app:1", "This user has no permissions to run the 'get' command",
		"ACL DRYRUN alice set zz 1", "This user has no permissions to access the 'zz' key",
		"ACL DRYRUN alice set app:1 1", "+OK",
		"ACL DRYRUN nobody get x", "-ERR User 'nobody' not found", "ACL DRYRUN alice nosuch", "-ERR Command 'nosuch' not found",
		"ACL DRYRUN alice set", "-ERR wrong number of arguments for 'set' command",
		"ACL GENPASS 0", "-ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096",
		"ACL GENPASS x", "-ERR value is not an integer or out of range",
		"ACL CAT nosuch", "-ERR Unknown category 'nosuch'", "ACL CAT transaction", "[discard exec multi unwatch watch]",
		"ACL LOG RESET", "+OK", "ACL LOG", "[]", "ACL LOG x", "-ERR value is not an integer or out of range",
		"ACL LOG 3 4", "-ERR unknown subcommand or wrong number of arguments for 'LOG'. Try ACL HELP.",
		"ACL DELUSER nobody alice", ":1", "ACL USERS", "[default]")
	if got := c.do("ACL CAT"); got != "[keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking dangerous connection transaction scripting]" {
		t.Errorf("ACL CAT: %s", got)
	}
	if a, b := c.do("ACL GENPASS"), c.do("ACL GENPASS 5"); len(a) != 64 || len(b) != 2 || a == c.do("ACL GENPASS") {
		t.Errorf("ACL GENPASS: %q, %q", a, b)
	}
	if got := c.do("ACL SAVE"); got != c.do("ACL LOAD") || !strings.HasPrefix(got, "-ERR This Redis instance is not configured to use an ACL file.") {
		t.Errorf("ACL SAVE: %s", got)
	}
	for _, name := range []string{"a b", "a\tb", "a\nb", "a\vb", "a\fb", "a\rb", "a\x00b"} {
		c.raw("*3\r\n$3\r\nACL\r\n$7\r\nSETUSER\r\n$3\r\n" + name + "\r\n")
		if got := c.recv(); got != "-ERR Usernames can't contain spaces or null characters" {
			t.Errorf("%q: %s", name, got)
		}
	}
}

func TestUsersMayDoWhatTheirRulesSay(t *testing.T) {
	f := withUsers(t, "")
	admin, alice := f.dial(), f.dial()
	admin.want("ACL SETUSER alice on >p1 ~app:* %R~ro:* +@all -@dangerous -append", "+OK", "SET ro:1 v", "+OK")
	alice.want("AUTH alice wrong", wrongPass, "AUTH nobody p1", wrongPass, "AUTH alice p1 x", "-ERR syntax error",
		"ACL WHOAMI", "default", "AUTH alice p1", "+OK", "ACL WHOAMI", "alice",
		"ACL LIST", noPermCommand+"acl|list' command", "GET zz", noPermKey, "GET ro:1", "v", "SET ro:1 w", noPermKey,
		"SET app:1 a", "+OK", "APPEND app:1 x", noPermCommand+"append' command", "CONFIG GET save", noPermCommand+"config|get' command",
		"MGET app:1 zz", noPermKey, "FLUSHALL", noPermCommand+"flushall' command",
		"MULTI", "+OK", "GET zz", noPermKey, "SET app:1 b", "+QUEUED", "EXEC", "-EXECABORT Transaction discarded because of previous errors.",
		"GET app:1", "a")
	log := admin.do("ACL LOG 1")
	for _, part := range []string{"count :1 ", "reason key ", "context multi ", "object zz ", "username alice ", "client-info id="} {
		if !strings.Contains(log, part) {
			t.Errorf("ACL LOG lacks %q: %s", part, log)
		}
	}
	if log = admin.do("ACL LOG 100"); !strings.Contains(log, "reason auth context toplevel object AUTH username nobody ") {
		t.Errorf("ACL LOG: %s", log)
	}
	if got := admin.do("CLIENT LIST"); !strings.Contains(got, " user=alice ") || !strings.Contains(got, " user=default ") {
		t.Errorf("CLIENT LIST: %s", got)
	}
	alice.want("RESET", "+RESET", "ACL WHOAMI", "default")
	if got := alice.do("HELLO 3 AUTH alice p1"); !strings.Contains(got, "proto :3") {
		t.Errorf("HELLO: %s", got)
	}
	alice.want("HELLO 3 AUTH alice wrong", wrongPass, "ACL WHOAMI", "alice",
		"ACL SETUSER x on", noPermCommand+"acl|setuser' command")
}

// What a user may do changes for the connections that he has.
func TestChangesOfUsersHoldForOpenConnections(t *testing.T) {
	f := withUsers(t, "")
	admin, alice, bob, idle := f.dial(), f.dial(), f.dial(), f.dial()
	admin.want("ACL SETUSER alice on nopass ~* +@all", "+OK", "ACL SETUSER bob on nopass ~* +@all", "+OK")
	alice.want("AUTH alice x", "+OK", "SET a 1", "+OK")
	bob.want("AUTH bob x", "+OK", "GET a", "1")
	idle.want("AUTH bob x", "+OK")
	alice.want("MULTI", "+OK", "SET a 2", "+QUEUED", "GET a", "+QUEUED", "PING", "+QUEUED")
	admin.want("ACL SETUSER alice -set -ping", "+OK")
	const changed = "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to execute the command or subcommand"
	alice.want("EXEC", "["+changed+" 1 "+changed+"]", "SET a 3", noPermCommand+"set' command", "GET a", "1")
	admin.want("ACL SETUSER bob off", "+OK")
	bob.wantClosed()
	idle.wantClosed()
	f.dial().want("AUTH bob x", wrongPass)
	// One who deletes himself still hears that it was done.
	alice.want("ACL DELUSER alice", ":1")
	alice.wantClosed()
	// Those who were let in without a word stay, as in Redis; who comes needs the password.
	admin.want("ACL SETUSER default >secret", "+OK", "GET a", "1")
	f.dial().want("GET a", "-NOAUTH Authentication required.", "AUTH secret", "+OK", "GET a", "1", "AUTH default secret", "+OK")
	waiting := f.dial()
	waiting.want("GET a", "-NOAUTH Authentication required.")
	admin.want("ACL SETUSER default nopass", "+OK")
	waiting.want("GET a", "1")
}

// Channels are checked as keys are, and those who listen to what they may not any more are closed (Redis, acl.tcl).
func TestUsersListenAndPublishWhereTheyMay(t *testing.T) {
	const noPermChannel = "-NOPERM this user has no permissions to access one of the channels used as arguments"
	f := withUsers(t, "")
	admin, alice, bob := f.dial(), f.dial(), f.dial()
	admin.want("ACL SETUSER alice on nopass +@all resetchannels &news:* &exact", "+OK", "ACL SETUSER bob on nopass +@all allchannels", "+OK")
	alice.want("AUTH alice x", "+OK", "PUBLISH news:1 x", ":0", "PUBLISH olds x", noPermChannel, "SPUBLISH exact x", ":0", "SPUBLISH other x", noPermChannel,
		"SUBSCRIBE news:1 olds", noPermChannel, "PSUBSCRIBE news:1*", noPermChannel, "SSUBSCRIBE other", noPermChannel, "PUBSUB CHANNELS", "[]",
		"PSUBSCRIBE news:*", "[psubscribe news:* :1]", "SSUBSCRIBE exact", "[ssubscribe exact :1]", "UNSUBSCRIBE whatever", "[unsubscribe whatever :1]")
	bob.want("AUTH bob x", "+OK", "SUBSCRIBE news:1", "[subscribe news:1 :1]")
	admin.want("ACL SETUSER alice +@all &more", "+OK")
	alice.want("PING", "[pong ]")
	admin.want("ACL SETUSER alice resetchannels &exact", "+OK")
	alice.wantClosed()
	bob.want("PING", "[pong ]")
	admin.want("ACL SETUSER bob resetchannels &news:1", "+OK")
	bob.want("PING", "[pong ]")
	admin.want("ACL SETUSER bob resetchannels", "+OK")
	bob.wantClosed()
}

// A node that joins a cluster lets nobody keep what he was let do before its users were known.
func TestConnectionsFromBeforeTheUsersAreKnownSayWhoTheyAre(t *testing.T) {
	var registry *acl.Registry
	f := start(t, fixtureConfig{with: func(c *Config) {
		registry = acl.NewRegistry(c.Table, "", nil)
		c.Access = registry
	}})
	early := f.dial()
	early.want("SET a 1", "+OK")
	registry.LetNobodyIn()
	waiting := "-LOADING this node has not heard yet who the users of its cluster are; not applied, try again, or ask another node"
	early.want("GET a", waiting, "AUTH x", waiting, "AUTH default x", waiting, "HELLO 3", waiting, "HELLO 3 AUTH default x", waiting)
	registry.Replace([]acl.Stored{{Name: "default", Rules: []byte("on #" + p1 + " ~* &* +@all")}})
	early.want("GET a", "-NOAUTH Authentication required.", "AUTH p1", "+OK", "GET a", "1")
}

func TestProtectedModeKeepsOutWhoIsNotOnThisMachine(t *testing.T) {
	var address string
	for _, c := range interfaceAddresses(t) {
		address = c
	}
	if address == "" {
		t.Skip("this machine has no address beyond loopback")
	}
	var protected atomic.Bool
	protected.Store(true)
	f := withUsers(t, "", func(c *Config) { c.Protected = protected.Load })
	l, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skipf("nothing can listen on %s: %v", address, err)
	}
	done := make(chan error, 1)
	go func() { done <- f.server.Serve(l) }()
	t.Cleanup(func() { _ = f.server.Close(); <-done })
	outside := func() *client {
		inside := f.addr
		f.addr = l.Addr().String()
		defer func() { f.addr = inside }()
		return f.dial()
	}
	if got := outside().wantClosed(); !strings.HasPrefix(got, "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user.") {
		t.Errorf("got %q", got)
	}
	inside := f.dial()
	inside.want("PING", "+PONG", "ACL SETUSER default >p1", "+OK")
	outside().want("PING", "-NOAUTH Authentication required.", "AUTH p1", "+OK", "PING", "+PONG")
	inside.want("ACL SETUSER default nopass", "+OK")
	protected.Store(false)
	outside().want("PING", "+PONG")
}

func interfaceAddresses(t *testing.T) []string {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip(err)
	}
	var list []string
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			list = append(list, n.IP.String())
		}
	}
	return list
}

func TestAuditTellsWhoChangedWhatAndKeepsSecrets(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	f := withUsers(t, "", func(c *Config) {
		c.Logger = slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))
		c.Settings = &memSettings{"noeviction"}
	})
	c := f.dial()
	c.want("ACL SETUSER alice on >hush #"+p1+" nopass +@all ~*", "+OK", "AUTH alice x", "+OK",
		"CONFIG SET maxmemory-policy allkeys-lru", "+OK", "CONFIG SET maxmemory-policy lru",
		"-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - argument(s) must be one of the following: ...",
		"FLUSHALL", "+OK", "CONFIG GET save", "[save ]", "ACL USERS", "[alice default]")
	_ = c.do("CONFIG SET requirepass hush") // this server has no such setting, and keeps its mouth shut all the same
	mu.Lock()
	defer mu.Unlock()
	text := log.String()
	for _, want := range []string{
		`msg="admin action" audit=true user=default from=` + c.nc.LocalAddr().String() + ` command="ACL SETUSER alice on >(hidden) #(hidden) nopass +@all ~*" outcome=ok`,
		`user=alice from=` + c.nc.LocalAddr().String() + ` command="CONFIG SET maxmemory-policy allkeys-lru" outcome=ok`,
		`command="CONFIG SET maxmemory-policy lru" outcome="ERR CONFIG SET failed`, `command=FLUSHALL outcome=ok`,
		`command="CONFIG SET requirepass (hidden)"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the audit lacks %s:\n%s", want, text)
		}
	}
	for _, not := range []string{"hush", p1, "CONFIG GET", "ACL USERS"} {
		if strings.Contains(text, not) {
			t.Errorf("the audit holds %s:\n%s", not, text)
		}
	}
}

type lockedWriter struct {
	mu  *sync.Mutex
	buf *bytes.Buffer
}

func (w lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(b)
}
