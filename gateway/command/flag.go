package command

import "math/bits"

// Flag is a set of properties of a command (Redis, "COMMAND", section Flags).
type Flag uint32

const (
	// Write means that the command may change data.
	Write Flag = 1 << iota
	// ReadOnly means that the command reads keys and never changes them.
	ReadOnly
	// DenyOOM means that the command may need memory and is refused when there is none.
	DenyOOM
	// Admin means that the command is for operators.
	Admin
	// PubSub means that the command is about channels.
	PubSub
	// NoScript means that scripts may not call the command.
	NoScript
	// Loading means that the command is answered while the node loads its data.
	Loading
	// Stale means that the command is answered while the node has no leader to follow.
	Stale
	// SkipMonitor keeps the command from clients that monitor; there is no MONITOR.
	SkipMonitor
	// SkipSlowlog keeps the command out of the slow log.
	SkipSlowlog
	// Fast means that the command's time does not depend on the amount of data.
	Fast
	// NoAuth means that the command is answered before authentication.
	NoAuth
	// NoMandatoryKeys means that a command that names its keys may name none.
	NoMandatoryKeys
	// NoAsyncLoading means that the command is refused while a replica of Redis loads beside serving; here it says nothing.
	NoAsyncLoading
	// NoMulti means that the command is refused inside a transaction.
	NoMulti
	// AllowBusy means that the command is answered while a script runs.
	AllowBusy
	// MovableKeys means that first key, last key and step do not say where all keys are.
	MovableKeys
	// MayWrite means that the command writes what it is told to by its arguments. COMMAND does not show it.
	MayWrite
)

var flagNames = []string{
	"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "loading", "stale", "skip_monitor", "skip_slowlog", "fast",
	"no_auth", "no_mandatory_keys", "no_async_loading", "no_multi", "allow_busy", "movablekeys",
}

// Names lists the flags as COMMAND INFO writes them.
func (f Flag) Names() []string { return names(uint32(f&^MayWrite), flagNames) }

// names lists what the bits of a set are called.
func names(set uint32, of []string) []string {
	list := make([]string, 0, bits.OnesCount32(set))
	for ; set != 0; set &= set - 1 {
		list = append(list, of[bits.TrailingZeros32(set)])
	}
	return list
}
