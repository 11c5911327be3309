// Package meta is the state of the cluster as one value: nodes, shards, slots, migrations, settings.
//
// A Machine turns the committed commands of the meta group into that value. Commands are evaluated when they are
// applied, against the state at that moment: each says what it expects to find, so one from a controller that was
// paused and has been replaced is refused instead of doing harm. A refusal is a result, equal on every replica. What
// cannot be, such as a command of an unknown version or an index that goes back, panics: stopping beats diverging.
//
// A migration of slots from one shard to another has a record that stands until both shards have logged its end. What it says
// is the only decision that they go by, the first decision is the only one, and a record that does not stand says nothing.
//
// The package has no clock, randomness, I/O or goroutines. Times and random ids come with the commands.
// DESIGN.md of raftfsm tells more.
//
// # Divergences
//
// The epoch counts every change of this state, not only those of the slot map as configEpoch does in Redis Cluster. So
// whoever hears of an epoch, by stream or gossip, can tell by that one number whether it has the newest state.
package meta
