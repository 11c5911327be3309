// Package slab hands out memory that the garbage collector neither sees nor moves.
//
// A Heap maps arenas of address space, divides them into runs of pages, and cuts runs into objects of one size. An object
// is named by a Ref of 40 bits. Freed pages go back to the operating system.
//
// The memory is anonymous: no file, no other process. Errors of the kernel (out of memory) panic, as those of Go's own
// heap do.
package slab
