package meta

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
)

// Rules are made of those that stood before, so of two who change a user at once the second has to look again.
func TestUserIsChangedOnlyFromWhatTheProposerSaw(t *testing.T) {
	m := New()
	index := uint64(0)
	apply := func(name, rules string, expected uint64) Result {
		index++
		return m.Apply(index, Encode(SetUser(name, []byte(rules), expected)))
	}
	if r := apply("alice", "on", 0); apierr.KindOf(r.Err) != apierr.KindNotFound {
		t.Errorf("before there is a cluster: %v", r.Err)
	}
	index++
	m.Apply(index, Encode(initCommand("c1", 1)))
	first := apply("alice", "on", 0)
	if alice, ok := m.State().User("alice"); first.Err != nil || !ok || alice.ChangedEpoch != first.Epoch || m.State().UsersEpoch() != first.Epoch {
		t.Fatalf("%+v gave %+v", first, alice)
	}
	if r := apply("alice", "off", 0); apierr.KindOf(r.Err) != apierr.KindExists {
		t.Errorf("a second proposer who saw no user: %v", r.Err)
	}
	second := apply("alice", "off", first.Epoch)
	if r := apply("alice", "on +get", first.Epoch); second.Err != nil || apierr.KindOf(r.Err) != apierr.KindExists {
		t.Errorf("%v, then a proposer who saw the first: %v", second.Err, r.Err)
	}
	if r := apply("alice", "off", second.Epoch); r.Err != nil || r.Changed {
		t.Errorf("the same rules again: %+v", r)
	}
	index++
	if r := m.Apply(index, Encode(DeleteUser("alice"))); !r.Changed || len(m.State().Users()) != 0 || m.State().UsersEpoch() != r.Epoch {
		t.Errorf("deleted: %+v, %v", r, m.State().Users())
	}
	// One of that name who comes later is another.
	if r := apply("alice", "on", second.Epoch); apierr.KindOf(r.Err) != apierr.KindExists {
		t.Errorf("a proposer who saw the deleted one: %v", r.Err)
	}
}

func TestUsersAreLimited(t *testing.T) {
	m := New()
	index := uint64(1)
	m.Apply(index, Encode(initCommand("c1", 1)))
	apply := func(name, rules string) error {
		index++
		return m.Apply(index, Encode(SetUser(name, []byte(rules), 0))).Err
	}
	for _, c := range []struct {
		name, rules string
		want        apierr.Kind
	}{
		{"a b", "", apierr.KindInvalid}, {"a\x00b", "", apierr.KindInvalid}, {"a\n", "", apierr.KindInvalid},
		{strings.Repeat("n", 129), "", apierr.KindTooLarge}, {"n", strings.Repeat("r", 8<<10+1), apierr.KindTooLarge},
		{strings.Repeat("n", 128), strings.Repeat("r", 8<<10), 0}, {"", "", 0}, {"ünï", "", 0},
	} {
		if err := apply(c.name, c.rules); apierr.KindOf(err) != c.want {
			t.Errorf("user %.20q with %d bytes of rules: %v, want kind %v", c.name, len(c.rules), err, c.want)
		}
	}
	for i := len(m.State().Users()); i < UsersMax; i++ {
		if err := apply(fmt.Sprint("user-", i), "on"); err != nil {
			t.Fatal(err)
		}
	}
	if err := apply("one-more", "on"); apierr.KindOf(err) != apierr.KindTooLarge {
		t.Errorf("user %d: %v", UsersMax+1, err)
	}
}
