package meta

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// User is one user of the cluster.
type User struct {
	Name string
	// Rules are what the user may do and is known by, in words that the gateway reads.
	Rules []byte
	// ChangedEpoch is the epoch at which that was changed last. Invariant: above 0, and at most the state's UsersEpoch.
	ChangedEpoch uint64
}

// Users are those that were set, in ascending order of name.
func (s *State) Users() []User { return s.users }

// User finds a user by name.
func (s *State) User(name string) (User, bool) {
	if i, ok := s.findUser(name); ok {
		return s.users[i], true
	}
	return User{}, false
}

// UsersEpoch is the epoch at which a user was set or deleted last; 0 where none ever was.
func (s *State) UsersEpoch() uint64 { return s.usersEpoch }

// SetUser is the command that gives a user rules, unless he was changed after the expected epoch; 0 stands for a user who is not
// there.
func SetUser(name string, rules []byte, expectedEpoch uint64) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetUser{
		SetUser: &storagev1.SetUser{Name: name, Rules: rules, ExpectedEpoch: expectedEpoch},
	}}
}

// DeleteUser is the command that takes a user out.
func DeleteUser(name string) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_DeleteUser{DeleteUser: &storagev1.DeleteUser{Name: name}}}
}

// CheckUserName tells what is wrong with a name: an *apierr.Error, or nil. The empty one is a name, as in Redis.
func CheckUserName(name string) error {
	switch {
	case len(name) > labelBytesMax:
		return apierr.New(apierr.KindTooLarge, "user name of %d bytes is over the limit of %d (limit labelBytesMax); not applied", len(name), labelBytesMax)
	case !utf8.ValidString(name) || !plainText(name):
		return apierr.New(apierr.KindInvalid, "user name %.100q has spaces, control characters or is no UTF-8; not applied", name)
	}
	return nil
}

// plainText tells whether a text has neither spaces nor control characters.
func plainText(text string) bool {
	for _, r := range text {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return false
		}
	}
	return true
}

func (v *values) setUser(c *storagev1.SetUser, r *Result) error {
	if err := CheckUserName(c.Name); err != nil {
		return err
	}
	i, known := v.findUser(c.Name)
	changed := uint64(0)
	if known {
		changed = v.users[i].ChangedEpoch
	}
	switch {
	case len(c.Rules) > userRulesBytesMax:
		return apierr.New(apierr.KindTooLarge, "rules of user %s have %d bytes, the limit is %d (limit userRulesBytesMax); not applied", c.Name, len(c.Rules), userRulesBytesMax)
	case changed != c.ExpectedEpoch:
		return apierr.New(apierr.KindExists, "user %s was changed at epoch %d, not %d; not applied, try again", c.Name, changed, c.ExpectedEpoch)
	case !known && len(v.users) >= UsersMax:
		return apierr.New(apierr.KindTooLarge, "there are %d users, which is the limit (limit UsersMax); not applied", len(v.users))
	case known && bytes.Equal(v.users[i].Rules, c.Rules):
		return nil
	}
	user := User{Name: c.Name, Rules: bytes.Clone(c.Rules), ChangedEpoch: v.epoch + 1}
	v.users = slices.Clone(v.users)
	if known {
		v.users[i] = user
	} else {
		v.users = slices.Insert(v.users, i, user)
	}
	v.usersEpoch, r.Changed = v.epoch+1, true
	return nil
}

func (v *values) deleteUser(c *storagev1.DeleteUser, r *Result) error {
	i, known := v.findUser(c.Name)
	if !known {
		return nil
	}
	v.users = slices.Delete(slices.Clone(v.users), i, i+1)
	if len(v.users) == 0 {
		v.users = nil // as a snapshot has it
	}
	v.usersEpoch, r.Changed = v.epoch+1, true
	return nil
}

func (v *values) findUser(name string) (int, bool) {
	return slices.BinarySearchFunc(v.users, name, func(u User, name string) int { return cmp.Compare(u.Name, name) })
}

// validUsers checks the invariants of users that come from outside.
func (v *values) validUsers() error {
	if len(v.users) > UsersMax {
		return fmt.Errorf("%d users are over the limit of %d", len(v.users), UsersMax)
	}
	if v.usersEpoch > v.epoch {
		return fmt.Errorf("users were changed at epoch %d, later than the state's %d", v.usersEpoch, v.epoch)
	}
	for i, u := range v.users {
		if i > 0 && v.users[i-1].Name >= u.Name {
			return fmt.Errorf("user %q does not come after user %q", u.Name, v.users[i-1].Name)
		}
		if err := CheckUserName(u.Name); err != nil {
			return err
		}
		if len(u.Rules) > userRulesBytesMax || u.ChangedEpoch == 0 || u.ChangedEpoch > v.usersEpoch {
			return fmt.Errorf("user %q has %d bytes of rules, changed at epoch %d", u.Name, len(u.Rules), u.ChangedEpoch)
		}
	}
	return nil
}

func usersProto(users []User) []*storagev1.MetaUser {
	var out []*storagev1.MetaUser
	for _, u := range users {
		out = append(out, &storagev1.MetaUser{Name: u.Name, Rules: u.Rules, ChangedEpoch: u.ChangedEpoch})
	}
	return out
}

func usersFromProto(list []*storagev1.MetaUser) []User {
	var out []User
	for _, p := range list {
		out = append(out, User{Name: p.Name, Rules: p.Rules, ChangedEpoch: p.ChangedEpoch})
	}
	return out
}
