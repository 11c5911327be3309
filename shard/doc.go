// Package shard runs one replica of one Raft group: reads, membership, snapshots, leadership.
//
// Replica is a replica of a data group: hashicorp/raft below, the state machine of package raftfsm beside it, the
// executor above. Meta is a replica of the meta group, whose commands are evaluated when they are applied. Both stand
// on member, which owns what they share: the raft instance, its stores and its place on the wire.
//
// # Goroutines
//
// A member has those of hashicorp/raft (about five, and two or three more for each other member while it leads), one
// that watches leadership, one that notices a silent leader, and one that triggers snapshots. A Replica adds those of its executor. A Confirmer has one
// for each other node. Every one ends before Close returns.
//
// # Divergences from hashicorp/raft's defaults
//
//   - VerifyLeader is not used: it counts answers to questions that were sent before the call, answers of learners,
//     and a leader that is no voter any more. Reads stand on Confirm (gate.go).
//   - BatchApplyCh is on, ShutdownOnRemove is off, NotifyCh is unused (it blocks raft when nobody drains it).
//   - BootstrapCluster is not used: interrupted between its two writes it leaves a group that can neither start nor
//     be bootstrapped again (bootstrap.go).
//   - AppliedIndex is not used: it says what was handed to the state machine, not what was applied.
package shard
