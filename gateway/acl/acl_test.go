package acl

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/gateway/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var table = command.NewTable(command.Limits{})

func args(line string) [][]byte {
	var list [][]byte
	for _, word := range strings.Fields(line) {
		list = append(list, []byte(word))
	}
	return list
}

func change(t *testing.T, u *User, rules string) *User {
	t.Helper()
	changed, err := u.Change(table, words(rules))
	if err != nil {
		t.Fatalf("%s: %v", rules, err)
	}
	return changed
}

func hashOf(password string) string {
	sum := sha256.Sum256([]byte(password))
	return hex.EncodeToString(sum[:])
}

// The rules and what becomes of them are those of redis-server 7.0.15, but for the order of rules about commands (see the
// package doc).
func TestRulesReadAsRedisWritesThem(t *testing.T) {
	p1 := "#" + hashOf("p1")
	u := newUser(table, "bob")
	for _, step := range []struct{ rules, want string }{
		{"", "off resetchannels -@all"},
		{">p1", "off " + p1 + " resetchannels -@all"},
		{">p1 on ~app:* %R~ro:* %W~wo:* &ch:* +@read -get +config|get", "on " + p1 + " ~app:* %R~ro:* %W~wo:* resetchannels &ch:* -@all +@read -get +config|get"},
		{"%W~ro:* %rw~x +GET", "on " + p1 + " ~app:* ~ro:* %W~wo:* ~x resetchannels &ch:* -@all +@read +config|get +get"},
		{"allkeys -config", "on " + p1 + " ~* resetchannels &ch:* -@all +@read +get -config"},
		{"nopass", "on nopass ~* resetchannels &ch:* -@all +@read +get -config"},
		{"allchannels allcommands -@dangerous", "on nopass ~* &* +@all -@dangerous"},
		{"(+get ~a) (%R~b", "error"},
		{"(+get ~a) (%R~b +@read )", "on nopass ~* &* +@all -@dangerous (~a resetchannels -@all +get) (%R~b resetchannels -@all +@read)"},
		{"clearselectors resetkeys resetchannels nocommands resetpass off", "off resetchannels -@all"},
		{"#" + hashOf("x") + " <x", "off resetchannels -@all"},
		{"on +@all reset", "off sanitize-payload resetchannels -@all"},
		{"skip-sanitize-payload ON AllKeys", "on skip-sanitize-payload ~* resetchannels -@all"},
	} {
		changed, err := u.Change(table, words(step.rules))
		if step.want == "error" {
			if err == nil {
				t.Errorf("%s: taken", step.rules)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", step.rules, err)
		}
		if got := changed.Rules(); got != step.want {
			t.Fatalf("%s: got %q, want %q", step.rules, got, step.want)
		}
		u = changed
	}
}

func TestWrongRulesAreRefusedInTheWordsOfRedis(t *testing.T) {
	full := change(t, newUser(table, "bob"), "~* &*")
	for rule, want := range map[string]string{
		"<nope": wrongPassword, "#abc": wrongHash, "!abc": wrongHash, "#" + strings.ToUpper(hashOf("x")): wrongHash,
		"+nosuch": wrongCommand, "-nosuch": wrongCommand, "+@nosuch": wrongCommand, "+": wrongCommand, "-": wrongCommand,
		"+config|nosuch": wrongCommand, "-config|get|x": wrongCommand, "%X~a": wrongSyntax, "%~a": wrongSyntax, "%R": wrongSyntax,
		"%RR~a": wrongSyntax, "foo": wrongSyntax, ")": wrongSyntax, "@all": wrongSyntax, "(on)": wrongSyntax,
		"~x": wrongKeys, "&x": wrongChannels,
	} {
		_, err := full.Change(table, []string{rule})
		if want := fmt.Sprintf("Error in ACL SETUSER modifier '%s': %s", rule, want); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %q", rule, err, want)
		}
	}
	plain := newUser(table, "bob")
	for _, rule := range []string{"~a b", "&a b", "~a\nb", "%R~\x00"} {
		if _, err := plain.Change(table, []string{rule}); err == nil {
			t.Errorf("%q was taken", rule)
		}
	}
	if _, err := plain.Change(table, []string{"(+get"}); err == nil || err.Error() != "Unmatched parenthesis in acl selector starting at '(+get'." {
		t.Errorf("half a selector: %v", err)
	}
}

func TestCommandsKeysAndChannelsAreCheckedAsInRedis(t *testing.T) {
	const alice = "on >p ~app:* %R~ro:* %W~wo:* &ch:* +@all -@dangerous -append -config +config|get"
	for _, c := range []struct {
		rules, command string
		reason         Reason
		object         string
	}{
		{alice, "get app:1", 0, ""},
		{alice, "GET zz", ReasonKey, "zz"},
		{alice, "get ro:1", 0, ""},
		{alice, "set ro:1 v", ReasonKey, "ro:1"},
		{alice, "set wo:1 v", 0, ""},
		{alice, "set wo:1 v get", ReasonKey, "wo:1"},
		{alice, "get wo:1", ReasonKey, "wo:1"},
		{alice, "exists wo:1", 0, ""}, // neither shows nor changes
		{alice, "exists zz", ReasonKey, "zz"},
		{alice, "del wo:1 app:1", 0, ""},
		{alice, "del wo:1 ro:1", ReasonKey, "ro:1"},
		{alice, "mget app:1 zz", ReasonKey, "zz"},
		{alice, "append app:1 x", ReasonCommand, "append"},
		{alice, "flushall", ReasonCommand, "flushall"},
		{alice, "config get x", 0, ""},
		{alice, "config set x y", ReasonCommand, "config|set"},
		{alice, "acl whoami", 0, ""},
		{alice, "acl list", ReasonCommand, "acl|list"},
		{"-@all", "auth x", 0, ""}, // who may nothing may still become somebody else
		{"-@all", "ping", ReasonCommand, "ping"},
		{"+@all", "ping", 0, ""},
		{"+@all", "get a", ReasonKey, "a"},
		{"+@string -get ~*", "get a", ReasonCommand, "get"},
		{"+@string -get ~*", "set a b", 0, ""},
		{"+@string -get ~*", "del a", ReasonCommand, "del"},
		{"+client -client|kill", "client id", 0, ""},
		{"+client -client|kill", "client kill x", ReasonCommand, "client|kill"},
		{"+get ~a (+get ~b) (+set ~c)", "get a", 0, ""},
		{"+get ~a (+get ~b) (+set ~c)", "get b", 0, ""},
		{"+get ~a (+get ~b) (+set ~c)", "get c", ReasonKey, "c"},
		{"+get ~a (+get ~b) (+set ~c)", "set c 1", 0, ""},
		{"+get ~a (+get ~b) (+set ~c)", "set a 1", ReasonKey, "a"},
		{"+get ~a (+get ~b) (+set ~c)", "del a", ReasonCommand, "del"},
		{"+@all ~* &* -get +@all", "get a", 0, ""},
	} {
		u := change(t, newUser(table, "u"), c.rules)
		spec, err := table.Lookup(args(c.command))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := u.Check(spec, args(c.command)), (Denial{c.reason, c.object}); got != want {
			t.Errorf("%s may %s: got %+v, want %+v", c.rules, c.command, got, want)
		}
	}
}

func TestChannelsAreAllowedByPatternAndPatternsLiterally(t *testing.T) {
	u := change(t, newUser(table, "u"), "&news.* (&a)")
	for _, c := range []struct {
		channel string
		pattern bool
		want    bool
	}{{"news.x", false, true}, {"news", false, false}, {"a", false, true}, {"news.*", true, true}, {"news.x*", true, false}, {"a", true, true}, {"*", true, false}} {
		if got := u.AllowsChannel(c.channel, c.pattern); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
	for name, rule := range channelsOf {
		if got := rule.of(args(name + " a b")); rule.one != (len(got) == 1) {
			t.Errorf("%s: channels %q", name, got)
		}
	}
}

// A permission is taken away by forgetting to ask for it as easily as by asking wrongly.
func TestDefaultUserMayDoEverythingAndIsAskedNothing(t *testing.T) {
	u := beginning(table, "")
	if !u.everything || !u.Open() || u.Rules() != "on nopass ~* &* +@all" {
		t.Errorf("got %q", u.Rules())
	}
	for _, less := range []string{"-get", "resetkeys", "resetchannels", "-@all", "-@dangerous"} {
		if change(t, u, less).everything {
			t.Errorf("after %s he may still do everything", less)
		}
	}
	spec := table.Named("get")
	line := args("get k")
	if allocs := testing.AllocsPerRun(100, func() { u.Check(spec, line) }); allocs != 0 {
		t.Errorf("a check needs memory %v times", allocs)
	}
}

func TestPasswords(t *testing.T) {
	r := NewRegistry(table, "", nil)
	store := func(rules string) {
		t.Helper()
		u, err := r.Change("u", nil, words(rules))
		if err != nil {
			t.Fatal(err)
		}
		r.Replace([]Stored{{"u", []byte(u.Rules())}})
	}
	for _, c := range []struct {
		rules, password string
		ok              bool
	}{
		{"on >a >b", "a", true}, {"on >a >b", "b", true}, {"on >a >b", "c", false}, {"on >a >b", "", false},
		{"on >a <a", "a", false}, {"on", "", false}, {"on nopass", "whatever", true}, {"off >a", "a", false}, {"off nopass", "a", false},
		{"on nopass >a", "b", false}, {"on >a nopass", "b", true}, {"on #" + hashOf("s"), "s", true}, {"on >", "", true},
	} {
		store(c.rules)
		u, err := r.Users().Authenticate("u", []byte(c.password))
		if (err == nil) != c.ok || (u != nil) != c.ok {
			t.Errorf("%s with %q: %v, want ok=%v", c.rules, c.password, err, c.ok)
		}
	}
	if _, err := r.Users().Authenticate("nobody", nil); err == nil {
		t.Error("a user who is not there was let in by the default user's nopass")
	}
}

func TestRegistryFollowsTheClusterAndLetsNobodyInWithoutIt(t *testing.T) {
	r := NewRegistry(table, "flag", nil)
	if r.Users().Default().Open() || r.Users().Known() {
		t.Error("the password of the node does not count")
	}
	if _, err := r.Users().Authenticate(DefaultName, []byte("flag")); err != nil {
		t.Error(err)
	}
	r.LetNobodyIn()
	if _, err := r.Users().Authenticate(DefaultName, []byte("flag")); err != ErrWaiting || r.Users().Default().Open() || !r.Users().Waiting() {
		t.Errorf("%v: somebody was let in, or refused for good", err)
	}
	changes := 0
	r.Watch(func() { changes++ })
	r.Replace(nil)
	if _, err := r.Users().Authenticate(DefaultName, []byte("flag")); err != nil || !r.Users().Known() || r.Users().Waiting() || changes != 1 {
		t.Errorf("%v, known %v, told %d times", err, r.Users().Known(), changes)
	}
	// The cluster's own default user counts more than the node's password.
	r.Replace([]Stored{{DefaultName, []byte("on #" + hashOf("own") + " ~* &* +@all")}, {"broken", []byte("on nopass +@all ~* what")}})
	if _, err := r.Users().Authenticate(DefaultName, []byte("flag")); err == nil {
		t.Error("the node's password opens the cluster")
	}
	if _, err := r.Users().Authenticate("broken", nil); err == nil {
		t.Error("a user whose rules make no sense was let in")
	}
	own, _ := r.Users().Authenticate(DefaultName, []byte("own"))
	seen := r.Users()
	if r.Now(own, &seen) != own {
		t.Error("a user who did not change is another")
	}
	r.Replace([]Stored{{DefaultName, []byte("off ~* &* +@all")}})
	if now := r.Now(own, &seen); now != nil || seen != r.Users() {
		t.Errorf("a user who was switched off is %v", now)
	}
}

// What an older build does not know, or a newer one has lost, must allow nothing and stay as it was said.
func TestRulesAboutUnknownCommandsAllowNothing(t *testing.T) {
	const rules = "on nopass ~* resetchannels -@all +nosuch +@nosuch +get -alsonosuch"
	u, err := Parse(table, "u", rules)
	if err != nil || u.Rules() != rules {
		t.Fatalf("got %q, %v", u.Rules(), err)
	}
	for _, spec := range table.All() {
		if d := u.Check(spec, args("x k k k")); d.Reason == 0 && spec.Name != "get" && !spec.Flag(command.NoAuth) && !spec.OwnSession {
			t.Errorf("%s is allowed", spec.Name)
		}
	}
}

func TestDenialsAreGroupedAndBounded(t *testing.T) {
	var l Denials
	for range 3 {
		l.Add(Denied{Denial: Denial{ReasonKey, "k"}, Context: "toplevel", User: "u", Client: "c"})
	}
	l.Add(Denied{Denial: Denial{ReasonKey, "k"}, Context: "multi", User: "u"})
	got := l.Latest(10)
	if len(got) != 2 || got[0].Context != "multi" || got[1].Count != 3 || got[1].ID != 0 || got[0].ID != 1 || time.Since(got[1].Created) > time.Minute {
		t.Errorf("got %+v", got)
	}
	for i := range 2 * denialsMax {
		l.Add(Denied{Denial: Denial{ReasonKey, fmt.Sprint(i) + strings.Repeat("x", 1000)}})
	}
	if got = l.Latest(1000); len(got) != denialsMax || len(got[0].Object) != denialObjectBytes {
		t.Errorf("%d entries", len(got))
	}
	if len(l.Latest(-1)) != 0 {
		t.Error("a negative count shows something")
	}
	if l.Reset(); len(l.Latest(10)) != 0 {
		t.Error("entries outlive a reset")
	}
}

// Whatever rules are taken read the same when they are read again, and allow the same.
func FuzzRulesReadBackAsTheyWereWritten(f *testing.F) {
	for _, seed := range []string{
		"on >p ~app:* %R~ro:* &ch:* +@read -get +config|get", "(+get ~a) (%RW~b +@all -@admin)", "reset nopass allkeys allchannels +@all",
		"~(a ~b)", "( )", "(( ))", "+@all -@all +get|x", "~\u2003a", "%R~%W~ ~~ &&", "-@ +| -|",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, rules string) {
		u, err := newUser(table, "u").Change(table, strings.Split(rules, "\t"))
		if err == nil {
			u, err = u.Change(table, words(rules))
		}
		if err != nil {
			return
		}
		again, err := Parse(table, "u", u.Rules())
		if err != nil {
			t.Fatalf("%q cannot be read again: %v", u.Rules(), err)
		}
		if again.Rules() != u.Rules() || again.everything != u.everything || !slices.Equal(again.root.allowed, u.root.allowed) {
			t.Fatalf("%q reads as %q", u.Rules(), again.Rules())
		}
	})
}
