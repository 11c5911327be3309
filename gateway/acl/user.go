package acl

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
)

// DefaultName is the user that a connection is before it has said who it is.
const DefaultName = "default"

// User is somebody who may do something. It is immutable.
type User struct {
	name    string
	enabled bool
	// noPassword: any password is right.
	noPassword bool
	passwords  [][sha256.Size]byte
	// sanitize is the word about RESTORE that was given, if one was. Payloads are always checked.
	sanitize  string
	root      permission
	selectors []permission
	// everything: all commands, all keys, all channels.
	everything bool
}

// Name is the user's name.
func (u *User) Name() string { return u.name }

// Enabled tells whether the user is switched on.
func (u *User) Enabled() bool { return u.enabled }

// NoPassword tells whether any password is right.
func (u *User) NoPassword() bool { return u.noPassword }

// Open tells whether whoever comes is this user without a word.
func (u *User) Open() bool { return u.enabled && u.noPassword }

// right tells whether a password is the user's, in a time that tells nothing about it.
func (u *User) right(password []byte) bool {
	got, found := sha256.Sum256(password), 0
	for i := range u.passwords {
		found |= subtle.ConstantTimeCompare(got[:], u.passwords[i][:])
	}
	return u.noPassword || found == 1
}

// Rules are what the user may do and is known by, as ACL LIST writes it behind his name. Parse reads them.
func (u *User) Rules() string {
	words := u.flags()
	for _, hash := range u.Hashes() {
		words = append(words, "#"+hash)
	}
	words = append(words, u.root.String())
	for i := range u.selectors {
		words = append(words, "("+u.selectors[i].String()+")")
	}
	return join(words...)
}

func (u *User) flags() []string {
	words := []string{"off"}
	if u.enabled {
		words[0] = "on"
	}
	if u.noPassword {
		words = append(words, "nopass")
	}
	if u.sanitize != "" {
		words = append(words, u.sanitize)
	}
	return words
}

// Hashes are the SHA-256 of his passwords.
func (u *User) Hashes() []string {
	list := make([]string, len(u.passwords))
	for i := range u.passwords {
		list[i] = hex.EncodeToString(u.passwords[i][:])
	}
	return list
}

// Description is a user as ACL GETUSER tells of him.
type Description struct {
	Flags, Passwords         []string
	Commands, Keys, Channels string
	Selectors                []Permission
}

// Permission is what a selector allows.
type Permission struct{ Commands, Keys, Channels string }

// Describe tells of the user.
func (u *User) Describe() Description {
	root := u.root.describe()
	d := Description{Flags: u.flags(), Passwords: u.Hashes(), Commands: root.Commands, Keys: root.Keys, Channels: root.Channels}
	for i := range u.selectors {
		d.Selectors = append(d.Selectors, u.selectors[i].describe())
	}
	return d
}

func (p *permission) describe() Permission {
	return Permission{Commands: p.commandsText(), Keys: p.keysText(), Channels: p.channelsText("")}
}

// clone is a copy that may be changed.
func (u *User) clone() *User {
	c := *u
	c.passwords, c.root = slices.Clone(u.passwords), u.root.clone()
	c.selectors = make([]permission, len(u.selectors))
	for i := range u.selectors {
		c.selectors[i] = u.selectors[i].clone()
	}
	return &c
}

// settle computes what follows from the rest.
func (u *User) settle() *User {
	u.everything = u.root.allCommands && len(u.root.rules) == 0 && u.root.allKeys() && u.root.allChannels()
	return u
}

// Redact hides what is secret in the arguments of ACL SETUSER, for logs.
func Redact(rule string) string {
	if rule != "" && strings.ContainsRune("><#!", rune(rule[0])) {
		return rule[:1] + "(hidden)"
	}
	return rule
}
