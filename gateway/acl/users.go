package acl

import (
	"cmp"
	"slices"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/proto/apierr"
)

// Users are all users at one moment. It is immutable; DefaultName is always among them.
type Users struct {
	byName map[string]*User
	// known: they are those of the cluster, not what a node begins with.
	known bool
	// waiting: there are users, and nobody has told this node who they are.
	waiting bool
}

// ErrWaiting is the answer to everybody as long as Users.Waiting holds.
var ErrWaiting = apierr.New(apierr.KindLoading, "this node has not heard yet who the users of its cluster are; not applied, try again, or ask another node")

// Known tells whether these are the users of a cluster. Otherwise they are what a node begins with, and whoever was let in by
// them has to say who he is once the cluster's are known.
func (s *Users) Known() bool { return s.known }

// Waiting tells that nobody is let in yet, whoever he is: a node has become one of a cluster and has not heard of its users.
func (s *Users) Waiting() bool { return s.waiting }

// User finds a user by name.
func (s *Users) User(name string) (*User, bool) {
	u, ok := s.byName[name]
	return u, ok
}

// Default is the user that a connection is before it has said who it is.
func (s *Users) Default() *User { return s.byName[DefaultName] }

// All lists the users in the order of their names.
func (s *Users) All() []*User {
	list := make([]*User, 0, len(s.byName))
	for _, u := range s.byName {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b *User) int { return cmp.Compare(a.name, b.name) })
	return list
}

var errWrongPass = apierr.New(apierr.KindWrongPass, "invalid username-password pair or user is disabled.")

// Authenticate tells who has this name and password.
func (s *Users) Authenticate(name string, password []byte) (*User, *apierr.Error) {
	if s.waiting {
		return nil, ErrWaiting
	}
	u, known := s.byName[name]
	if !known {
		u = s.Default() // takes as long
	}
	if right := u.right(password); !known || !right || !u.enabled {
		return nil, errWrongPass
	}
	return u, nil
}

// now is a user as he is among these users: nil where he is not, or is switched off.
func (s *Users) now(u *User) *User {
	current, ok := s.byName[u.name]
	if !ok || !current.enabled {
		return nil
	}
	return current
}

// beginning is the default user of a cluster that has none of its own: he may do everything, with the password that the node was
// started with, if it was.
func beginning(table *command.Table, password string) *User {
	rules := []string{"on", "nopass", "~*", "&*", "+@all"}
	if password != "" {
		rules[1] = ">" + password
	}
	u, err := newUser(table, DefaultName).Change(table, rules)
	if err != nil {
		panic(err) // the rules are ours
	}
	return u
}
