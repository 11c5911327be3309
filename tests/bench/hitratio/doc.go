// Package hitratio measures how often a cache that is full finds what it is asked for, Holt's beside Redis'.
//
// One trace of keys, generated from a seed, is played to each cache at one rate: a key that is not found is written, as an
// application does with what it then takes from its database. The caches run side by side, for as long a time as access
// clocks of one second need to tell keys apart. Holt runs in this process: executor, state machine and store are the real
// ones, over a log that commits at once. Where it has several replicas, the leader's access stamps come to the others in
// portions of the store, at the pace that package shard has; then another replica takes over.
package hitratio
