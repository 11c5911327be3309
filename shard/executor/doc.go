// Package executor evaluates the requests of one shard on its leader, one after another.
//
// Each request is a function on a transaction. Its writes become effects; the effects of many requests travel as one
// batch through the Raft log. Effects that are evaluated but not yet applied stand in an overlay in front of the store,
// where later requests see them. Reads run in their callers' goroutines against overlay and store.
//
// # Goroutines
//
// Run is the one goroutine that evaluates and proposes. The FSM goroutine calls the raftfsm.Listener methods, raft's
// main goroutine calls Appended; both only settle requests and leave a note for Run. One goroutine waits for the
// futures of proposals. Readers run anywhere.
//
// # Slots that change hands
//
// Control records of a hand-over are evaluated between requests. A record that changes what is served stands in the overlay
// (slotChange) from its evaluation until it is applied; behind that the state of the slot in the store decides.
//
// # Locks
//
// The lock of a slot (store.Slot) guards the overlay's part of that slot as well, so that a reader sees overlay and
// store in one hold. Executor.mu guards queue, notes, control records and batches in flight. Order: slot lock before Executor.mu;
// neither is held while something is proposed.
//
// # Requests and their one answer
//
// A request is settled once, by a compare-and-swap, by the first of: the state machine's verdict, a refusal before it
// was evaluated, the log's acknowledgement in async mode, or its caller giving up (Request.Abandon).
package executor
