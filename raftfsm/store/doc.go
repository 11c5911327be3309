// Package store holds the keys of one shard in memory, slot by slot.
package store
