package command

import "strings"

// ArgType is the type of an argument in COMMAND DOCS.
type ArgType string

// The argument types of Redis 7 that the table uses.
const (
	ArgKey       ArgType = "key"
	ArgString    ArgType = "string"
	ArgInteger   ArgType = "integer"
	ArgDouble    ArgType = "double"
	ArgPattern   ArgType = "pattern"
	ArgUnixTime  ArgType = "unix-time"
	ArgPureToken ArgType = "pure-token"
	ArgOneOf     ArgType = "oneof"
	ArgBlock     ArgType = "block"
)

// ArgFlag is a set of statements about how often an argument is given.
type ArgFlag uint8

const (
	// ArgOptional means that it may be left out.
	ArgOptional ArgFlag = 1 << iota
	// ArgMultiple means that it may be given several times.
	ArgMultiple
	// ArgMultipleToken means that its token is repeated with it.
	ArgMultipleToken
)

var argFlagNames = []string{"optional", "multiple", "multiple_token"}

// Names lists the flags as COMMAND DOCS writes them.
func (f ArgFlag) Names() []string { return names(uint32(f), argFlagNames) }

// Arg documents one argument.
type Arg struct {
	Name string
	Type ArgType
	// Token is the word that precedes the argument, or is the argument.
	Token string
	// KeySpec is which of the row's KeySpecs an ArgKey is found by.
	KeySpec         int
	Since           string
	DeprecatedSince string
	Flags           ArgFlag
	// Arguments are the alternatives of ArgOneOf and the parts of ArgBlock.
	Arguments []Arg
}

// The constructors below keep the table short.

func key() Arg { return Arg{Name: "key", Type: ArgKey} }
func keyOf(name string, keySpec int) Arg {
	return Arg{Name: name, Type: ArgKey, KeySpec: keySpec}
}
func text(name string) Arg             { return Arg{Name: name, Type: ArgString} }
func integer(name string) Arg          { return Arg{Name: name, Type: ArgInteger} }
func double(name string) Arg           { return Arg{Name: name, Type: ArgDouble} }
func pattern(name string) Arg          { return Arg{Name: name, Type: ArgPattern} }
func unixTime(name string) Arg         { return Arg{Name: name, Type: ArgUnixTime} }
func oneOf(name string, of ...Arg) Arg { return Arg{Name: name, Type: ArgOneOf, Arguments: of} }
func block(name string, of ...Arg) Arg { return Arg{Name: name, Type: ArgBlock, Arguments: of} }
func token(word string) Arg            { return named(strings.ToLower(word), word) }
func named(name, word string) Arg      { return Arg{Name: name, Type: ArgPureToken, Token: word} }
func (a Arg) after(word string) Arg    { a.Token = word; return a }
func (a Arg) from(version string) Arg  { a.Since = version; return a }
func (a Arg) until(version string) Arg { a.DeprecatedSince = version; return a }
func (a Arg) optional() Arg            { a.Flags |= ArgOptional; return a }
func (a Arg) repeated() Arg            { a.Flags |= ArgMultiple; return a }
func (a Arg) repeatedToken() Arg       { a.Flags |= ArgMultipleToken; return a }
