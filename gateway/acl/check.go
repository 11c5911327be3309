package acl

import (
	"fmt"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/proto/apierr"
)

// Reason is why something is refused. The zero value: nothing is.
type Reason uint8

// The reasons, by their names in ACL LOG.
const (
	ReasonCommand Reason = iota + 1
	ReasonKey
	ReasonChannel
	// ReasonAuth is a wrong name or password.
	ReasonAuth
)

// String is the reason's name in ACL LOG.
func (r Reason) String() string {
	return []string{"", "command", "key", "channel", "auth"}[r]
}

// Denial is what a user may not do. The zero value is nothing: it is allowed.
type Denial struct {
	Reason Reason
	// Object is the command's name, the key or the channel.
	Object string
}

// Err is the error that a client gets.
func (d Denial) Err() *apierr.Error {
	switch d.Reason {
	case ReasonCommand:
		return apierr.New(apierr.KindNoPermission, "this user has no permissions to run the '%s' command", d.Object)
	case ReasonKey:
		return apierr.New(apierr.KindNoPermission, "this user has no permissions to access one of the keys used as arguments")
	}
	return apierr.New(apierr.KindNoPermission, "this user has no permissions to access one of the channels used as arguments")
}

// InScript is what a script is told of it; empty where nothing is refused.
func (d Denial) InScript() string {
	return []string{
		"", "can't run this command or subcommand", "can't access at least one of the keys mentioned in the command arguments",
		"can't publish to the channel mentioned in the command",
	}[d.Reason]
}

// DryRun is what ACL DRYRUN says of it.
func (d Denial) DryRun() string {
	switch d.Reason {
	case ReasonCommand:
		return fmt.Sprintf("This user has no permissions to run the '%s' command", d.Object)
	case ReasonKey:
		return fmt.Sprintf("This user has no permissions to access the '%s' key", d.Object)
	}
	return fmt.Sprintf("This user has no permissions to access the '%s' channel", d.Object)
}

// Check tells what of a command, whose number of arguments Lookup has checked, the user may not do. For a user who may do
// everything it looks at nothing.
func (u *User) Check(spec *command.Spec, args [][]byte) Denial {
	if u.everything {
		return Denial{}
	}
	return u.check(spec, func(p *permission) Denial { return p.checkArguments(spec, args) })
}

// CheckKeys is Check for a command that has no arguments of RESP: it does to keys what flags say.
func (u *User) CheckKeys(spec *command.Spec, flags command.KeyFlag, keys ...[]byte) Denial {
	if u.everything {
		return Denial{}
	}
	return u.check(spec, func(p *permission) Denial {
		for _, key := range keys {
			if !p.allowsKey(string(key), flags) {
				return Denial{ReasonKey, string(key)}
			}
		}
		return Denial{}
	})
}

// check asks the user's own permission, then his selectors. Of several refusals the one that came furthest is told (Redis,
// acl.c, ACLCheckAllUserCommandPerm).
func (u *User) check(spec *command.Spec, arguments func(*permission) Denial) Denial {
	furthest := u.root.check(spec, arguments)
	for i := range u.selectors {
		if furthest.Reason == 0 {
			return furthest
		}
		if d := u.selectors[i].check(spec, arguments); d.Reason == 0 || d.Reason > furthest.Reason {
			furthest = d
		}
	}
	return furthest
}

func (p *permission) check(spec *command.Spec, arguments func(*permission) Denial) Denial {
	if !p.allowed.has(spec.Index) && !spec.Flag(command.NoAuth) && !spec.OwnSession {
		return Denial{ReasonCommand, spec.Name}
	}
	return arguments(p)
}

func (p *permission) checkArguments(spec *command.Spec, args [][]byte) (denied Denial) {
	if len(spec.KeySpecs) > 0 && !p.allKeys() {
		spec.EachKey(args, func(key []byte, flags command.KeyFlag) bool {
			if !p.allowsKey(string(key), flags) {
				denied = Denial{ReasonKey, string(key)}
			}
			return denied.Reason == 0
		})
	}
	if rule, ok := channelsOf[spec.Name]; ok && denied.Reason == 0 && !p.allChannels() {
		for _, channel := range rule.of(args) {
			if !p.allowsChannel(string(channel), rule.patterns) {
				return Denial{ReasonChannel, string(channel)}
			}
		}
	}
	return denied
}

// allowsKey tells whether a key may be treated so. What a command needs to know of a key that it neither shows nor changes, any
// pattern gives.
func (p *permission) allowsKey(key string, flags command.KeyFlag) bool {
	read := flags&command.KeyAccess != 0
	write := flags&(command.KeyInsert|command.KeyDelete|command.KeyUpdate) != 0
	for _, k := range p.keys {
		if (k.read || !read) && (k.write || !write) && command.MatchGlob(k.pattern, key) {
			return true
		}
	}
	return false
}

// allowsChannel tells whether a channel may be used. A pattern of channels has to be allowed literally.
func (p *permission) allowsChannel(channel string, isPattern bool) bool {
	for _, c := range p.channels {
		if c == channel || c == "*" || !isPattern && command.MatchGlob(c, channel) {
			return true
		}
	}
	return false
}

// channelRule says which arguments are channels.
type channelRule struct {
	one      bool // only the first
	patterns bool
}

func (r channelRule) of(args [][]byte) [][]byte {
	if r.one {
		return args[1:2]
	}
	return args[1:]
}

// channelsOf are the commands on channels; those that end a subscription need no permission.
var channelsOf = map[string]channelRule{
	"publish": {one: true}, "spublish": {one: true}, "subscribe": {}, "ssubscribe": {}, "psubscribe": {patterns: true},
}

// AllowsChannel tells whether the user may use a channel, or subscribe to a pattern of channels, which has to be allowed literally.
// Whoever holds subscriptions asks again when users change.
func (u *User) AllowsChannel(channel string, pattern bool) bool {
	if u.everything || u.root.allowsChannel(channel, pattern) {
		return true
	}
	for i := range u.selectors {
		if u.selectors[i].allowsChannel(channel, pattern) {
			return true
		}
	}
	return false
}
