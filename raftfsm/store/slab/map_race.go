//go:build race

package slab

// Under the race detector memory is Go's: the detector looks at no other.

// arenaBits is the size of an arena as a power of two.
const arenaBits = 22

func mapMemory(bytes int) []byte { return make([]byte, bytes) }

func unmapMemory([]byte) {}

// returnMemory destroys what the pages hold, so that a read after free is seen.
func returnMemory(memory []byte) { clear(memory) }
