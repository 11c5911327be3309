// Package model holds what a correct cluster may answer, to check recorded histories against it.
//
// A history is a list of operations with the times of call and return, by one monotonic clock, and with what the client
// knows of the outcome. Registers are checked key by key with porcupine; lists of appended ids, sets of unique writes and
// keys with an expiry have checkers of their own that need one pass. No verdict within the budget counts as a failure.
package model
