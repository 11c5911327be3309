// Package model holds what a correct cluster may answer, to check recorded histories against it.
//
// A history is a list of operations with the times of call and return, by one monotonic clock, and with what the client
// knows of the outcome. Registers, keys that may be evicted and pairs of keys are checked key by key with porcupine, whose
// search is bounded: no verdict within the budget counts as a failure. What only grows (lists of unique ids, counters, sets
// of elements), keys with an expiry, reads at any replica and writes that are acknowledged early have checkers of their own
// that need one pass. CheckLogs and CheckLogged compare the logs of the replicas with each other and with the history,
// CheckHandovers those of shards that slots moved between.
//
// What is wrong comes as an error; Violations lists its parts with their classes.
package model
