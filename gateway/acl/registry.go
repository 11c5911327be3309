package acl

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/proto/apierr"
)

// Stored is a user as the cluster keeps him.
type Stored struct {
	Name  string
	Rules []byte
}

// Registry is who may do what on this node, as of now.
type Registry struct {
	table    *command.Table
	password string
	log      *slog.Logger
	users    atomic.Pointer[Users]
	// Denials are what was refused, for ACL LOG.
	Denials Denials

	mu      sync.Mutex // protects the field below; held for a call of each
	watches []func()
}

// NewRegistry returns a Registry that knows the default user. The password is that of the default user as long as the cluster has
// none of its own; empty means that he needs none. The logger hears of users that make no sense; nil: nobody does.
func NewRegistry(table *command.Table, password string, log *slog.Logger) *Registry {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	r := &Registry{table: table, password: password, log: log}
	r.begin(beginning(table, password), false)
	return r
}

// begin makes the default user the only one.
func (r *Registry) begin(u *User, waiting bool) {
	r.users.Store(&Users{byName: map[string]*User{DefaultName: u}, waiting: waiting})
}

// LetNobodyIn refuses everybody until Replace is called: the node has become one of a cluster whose users it does not know.
func (r *Registry) LetNobodyIn() {
	r.begin(newUser(r.table, DefaultName).settle(), true)
}

// Users are all users as of now.
func (r *Registry) Users() *Users { return r.users.Load() }

// Now is a user as he is now: as long as nobody was changed that costs two loads. nil: he is not any more, or was switched off.
// seen are the users that u is of, and become those of now.
func (r *Registry) Now(u *User, seen **Users) *User {
	users := r.users.Load()
	if users == *seen {
		return u
	}
	*seen = users
	return users.now(u)
}

// Replace makes the users those that the cluster has. One who makes no sense, which no build writes, may do nothing.
func (r *Registry) Replace(stored []Stored) {
	users := &Users{known: true, byName: map[string]*User{DefaultName: beginning(r.table, r.password)}}
	for _, s := range stored {
		u, err := Parse(r.table, s.Name, string(s.Rules))
		if err != nil {
			r.log.Error("a user's rules cannot be read, so he may do nothing; set him anew with ACL SETUSER", "user", s.Name, "err", err)
			u = newUser(r.table, s.Name)
		}
		users.byName[s.Name] = u
	}
	r.users.Store(users)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, changed := range r.watches {
		changed()
	}
}

// Watch has a function called after each change. It must not block, nor watch.
func (r *Registry) Watch(changed func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watches = append(r.watches, changed)
}

// Change is a user, or a new one, after rules of ACL SETUSER. before are the rules that the cluster has of him, nil where it has
// none.
func (r *Registry) Change(name string, before []byte, rules []string) (*User, error) {
	u := newUser(r.table, name)
	switch {
	case before != nil:
		parsed, err := Parse(r.table, name, string(before))
		if err != nil {
			return nil, err
		}
		u = parsed
	case name == DefaultName:
		u = beginning(r.table, r.password)
	}
	return u.Change(r.table, rules)
}

// Command finds a command of the table, or a subcommand by "parent|name"; nil where there is none.
func (r *Registry) Command(name string) *command.Spec { return r.table.Named(name) }

// CheckNotDefault refuses what must not be done to the default user.
func CheckNotDefault(name string) error {
	if name == DefaultName {
		return apierr.New(apierr.KindInvalid, "The 'default' user cannot be removed")
	}
	return nil
}
