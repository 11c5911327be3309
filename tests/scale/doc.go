// Package scale looks at clusters that are larger than any that starts on one machine.
//
// Its tests run parts of 320 nodes in one process, on a network in memory and in virtual time where time matters. Each
// prints its figures with -v; SCALE.md puts them together.
package scale
