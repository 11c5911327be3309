package acl

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/proto/apierr"
)

// What can be wrong with a rule, in the words of Redis.
const (
	wrongSyntax   = "Syntax error"
	wrongCommand  = "Unknown command or category name in ACL"
	wrongHash     = "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
	wrongPassword = "The password you are trying to remove from the user does not exist"
	wrongKeys     = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. Try 'resetkeys' to start with an empty list of patterns"
	wrongChannels = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any effect. Try 'resetchannels' to start with an empty list of channels"
)

// rulesMax bounds the rules of one change, and what a user holds of anything: the time to check is that of the longest list.
const rulesMax = 1024

// newUser is a user who may do nothing, as ACL SETUSER makes one.
func newUser(table *command.Table, name string) *User {
	u := &User{name: name}
	u.root.allowAll(table, false)
	return u
}

// Change is the user after rules of ACL SETUSER, applied one after another; all of them, or an error that names the one which
// is wrong.
func (u *User) Change(table *command.Table, rules []string) (*User, error) {
	merged, err := mergeSelectors(rules)
	if err != nil {
		return nil, err
	}
	if len(merged) > rulesMax {
		return nil, apierr.New(apierr.KindTooLarge, "%d rules at once are over the limit of %d (limit rulesMax); not applied", len(merged), rulesMax)
	}
	changed := u.clone()
	for _, rule := range merged {
		if wrong := changed.apply(table, rule, strict); wrong != "" {
			return nil, apierr.New(apierr.KindInvalid, "Error in ACL SETUSER modifier '%.128s': %s", rule, wrong)
		}
	}
	return changed.settle(), nil
}

// Parse reads the rules of a user as Rules writes them. What they say of commands that this build does not know allows nothing.
func Parse(table *command.Table, name string, rules string) (*User, error) {
	merged, err := mergeSelectors(words(rules))
	if err != nil {
		return nil, err
	}
	u := newUser(table, name)
	for _, rule := range merged {
		if wrong := u.apply(table, rule, lenient); wrong != "" {
			return nil, apierr.New(apierr.KindInternal, "user %s: rule %.128q: %s", name, Redact(rule), wrong)
		}
	}
	return u.settle(), nil
}

// mergeSelectors makes one rule of those between parentheses (Redis, acl.c, ACLMergeSelectorArguments).
func mergeSelectors(rules []string) ([]string, error) {
	var merged []string
	open := ""
	for _, rule := range rules {
		switch {
		case open != "":
			open += " " + rule
		case strings.HasPrefix(rule, "("):
			open = rule
		default:
			merged = append(merged, rule)
			continue
		}
		if strings.HasSuffix(open, ")") {
			merged, open = append(merged, open), ""
		}
	}
	if open != "" {
		return nil, apierr.New(apierr.KindInvalid, "Unmatched parenthesis in acl selector starting at '%.128s'.", open)
	}
	return merged, nil
}

// reading says what is made of a rule about a command that is not known.
type reading uint8

const (
	strict reading = iota + 1
	lenient
)

// apply applies one rule to a user that may be changed and says what is wrong with it, "" if nothing is.
func (u *User) apply(table *command.Table, rule string, how reading) string {
	switch strings.ToLower(rule) {
	case "on", "off":
		u.enabled = len(rule) == 2
	case "nopass":
		u.noPassword, u.passwords = true, nil
	case "resetpass":
		u.noPassword, u.passwords = false, nil
	case "sanitize-payload", "skip-sanitize-payload":
		u.sanitize = strings.ToLower(rule)
	case "clearselectors":
		u.selectors = nil
	case "reset":
		*u = *newUser(table, u.name)
		u.sanitize = "sanitize-payload"
	default:
		return u.applyValue(table, rule, how)
	}
	return ""
}

// applyValue applies a rule that begins with what it is about.
func (u *User) applyValue(table *command.Table, rule string, how reading) string {
	if rule == "" {
		return "" // says nothing, in Redis too
	}
	switch value := rule[1:]; rule[0] {
	case '>', '<':
		return u.password(sha256.Sum256([]byte(value)), rule[0] == '>')
	case '#', '!':
		hash, err := hex.DecodeString(value)
		if err != nil || len(hash) != sha256.Size || strings.ToLower(value) != value {
			return wrongHash
		}
		return u.password([sha256.Size]byte(hash), rule[0] == '#')
	case '(':
		if !strings.HasSuffix(rule, ")") {
			return wrongSyntax
		}
		var selector permission
		selector.allowAll(table, false)
		for _, inner := range words(rule[1 : len(rule)-1]) {
			if strings.HasSuffix(inner, ")") {
				return wrongSyntax // in a list of rules the selector would end there
			}
			if wrong := selector.apply(table, inner, how); wrong != "" {
				return wrong
			}
		}
		if len(u.selectors) >= rulesMax {
			return wrongSyntax
		}
		u.selectors = append(u.selectors, selector)
		return ""
	}
	return u.root.apply(table, rule, how)
}

// password adds a password or takes one away.
func (u *User) password(hash [sha256.Size]byte, add bool) string {
	i := slices.Index(u.passwords, hash)
	switch {
	case add:
		if u.noPassword = false; i < 0 {
			u.passwords = append(u.passwords, hash)
		}
	case i < 0:
		return wrongPassword
	default:
		u.passwords = slices.Delete(u.passwords, i, i+1)
	}
	return ""
}

// apply applies one rule about commands, keys or channels.
func (p *permission) apply(table *command.Table, rule string, how reading) string {
	switch strings.ToLower(rule) {
	case "allcommands":
		p.allowAll(table, true)
		return ""
	case "nocommands":
		p.allowAll(table, false)
		return ""
	case "allkeys":
		return p.addKey(keyPattern{read: true, write: true, pattern: "*"})
	case "resetkeys":
		p.keys = nil
		return ""
	case "allchannels":
		p.channels = []string{"*"}
		return ""
	case "resetchannels":
		p.channels = nil
		return ""
	case "":
		return wrongSyntax
	}
	switch rule[0] {
	case '+', '-':
		if !p.allow(table, rule[1:], rule[0] == '+') && how == strict || !plain(rule) {
			return wrongCommand
		}
		return ""
	case '~':
		return p.addKey(keyPattern{read: true, write: true, pattern: rule[1:]})
	case '%':
		return p.addKeyFor(rule[1:])
	case '&':
		return p.addChannel(rule[1:])
	}
	return wrongSyntax
}

// addKeyFor adds a pattern behind what may be done to its keys: "R~app:*".
func (p *permission) addKeyFor(rule string) string {
	forWhat, pattern, found := strings.Cut(rule, "~")
	k := keyPattern{pattern: pattern}
	for _, c := range strings.ToUpper(forWhat) {
		switch {
		case c == 'R' && !k.read:
			k.read = true
		case c == 'W' && !k.write:
			k.write = true
		default:
			return wrongSyntax
		}
	}
	if !found || !k.read && !k.write {
		return wrongSyntax
	}
	return p.addKey(k)
}

func (p *permission) addKey(k keyPattern) string {
	switch all := k == (keyPattern{read: true, write: true, pattern: "*"}); {
	case all:
		p.keys = []keyPattern{k}
		return ""
	case p.allKeys():
		return wrongKeys
	case !plain(k.pattern) || len(p.keys) >= rulesMax:
		return wrongSyntax
	}
	i := slices.IndexFunc(p.keys, func(other keyPattern) bool { return other.pattern == k.pattern })
	if i < 0 {
		p.keys = append(p.keys, k)
		return ""
	}
	p.keys[i].read, p.keys[i].write = p.keys[i].read || k.read, p.keys[i].write || k.write
	return ""
}

func (p *permission) addChannel(pattern string) string {
	switch {
	case pattern == "*":
		p.channels = []string{pattern}
	case p.allChannels():
		return wrongChannels
	case !plain(pattern) || len(p.channels) >= rulesMax:
		return wrongSyntax
	case !slices.Contains(p.channels, pattern):
		p.channels = append(p.channels, pattern)
	}
	return ""
}

// plain tells whether a text can be part of a word in the list of a user's rules.
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' })
}

// words splits a list of rules. Only spaces are between them: patterns may hold any other character.
func words(text string) []string {
	return slices.DeleteFunc(strings.Split(text, " "), func(w string) bool { return w == "" })
}
