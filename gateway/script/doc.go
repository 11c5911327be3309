// Package script runs the Lua scripts of clients.
//
// A script runs on the executor of a shard, or under the lock of a slot, so that nothing comes between its commands. Therefore its time,
// its memory and the languages' ways to the world outside are bounded: see [RunMax], [MemoryBytesMax] and sandbox.go.
//
// # Divergences
//
// Errors of the compiler and of the Lua machine are worded otherwise than those of Lua 5.1. There are no coroutines, no load, loadstring
// and os.clock, no cmsgpack and struct. A table with more than 262144 elements in a row has no length. What goes over a limit is not stopped by SCRIPT KILL,
// it ends by itself, and nothing of the script is applied.
package script
