// Package store holds the keys of one shard in memory, slot by slot.
//
// Keys and values live in slabs outside the Go heap; see DESIGN.md. A value that the store gives is lent: it is valid
// under the lock of its slot only.
package store
