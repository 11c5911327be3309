// Package raftfsm turns committed log entries into state changes, the same on every replica.
//
// The invariant of the package: a record is applied if and only if it directly follows the record it was evaluated on,
// that is, its incarnation is the state's and its sequence number is the next one. Any other record is skipped, on all
// replicas alike.
//
// Goroutines: raft's FSM goroutine calls ApplyBatch, Snapshot and Restore, one at a time; raft's snapshot goroutine
// writes a snapshot while entries go on being applied. Both have workers for the time of a snapshot or a restore.
package raftfsm
