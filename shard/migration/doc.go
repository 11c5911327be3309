// Package migration hands slots over from one shard to another.
//
// A Driver stands beside each replica and acts while that replica serves. What it does next follows from two things alone:
// the record of the migration in the meta group, and what the replica's own state machine holds of it (decide.go). So any
// leader goes on where another one was. On the source it sends: a copy of the slots and, in order with it, the changes since
// (attempt.go); on the target it takes chunks through the log (receive.go). Only the recorded decision ends a migration
// (PROTOCOL rules 14-19, 24); DESIGN.md says how.
//
// # Goroutines
//
// Run is one. While the replica serves it has one more for each migration of the shard, and a source that sends has three
// beside that: the sender, who also waits for the target's answers in another one, and the watch over the record. All of them
// have ended when Run returns. Receive runs in its caller's, with one beside it that answers, and one for each chunk in the
// log; they end before it returns. One more reads the stream and ends with it. The FSM goroutine calls the queue of an attempt, which never blocks.
//
// Lock order: slot, queue. The other locks of the package are held for a few assignments and by nobody who holds another.
package migration
