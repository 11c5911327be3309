// Package script runs the Lua scripts of clients.
//
// A script runs on the executor of a shard, or under the lock of a slot, so that nothing comes between its commands. Therefore its time,
// its memory and its ways to the world outside are bounded: see [RunMax], [MemoryBytesMax] and sandbox.go.
//
// # Divergences
//
// From the Lua 5.1 of Redis 7.0:
//   - Errors of the compiler, and of the machine about what can't be done with a value, are worded otherwise.
//   - There are no coroutines, no load, loadstring and os.clock, no cmsgpack and struct. redis.log says nothing anywhere, redis.set_repl,
//     redis.breakpoint and redis.debug do nothing.
//   - A table with more than 262144 elements in a row has no length.
//   - A string is at most 32 MiB long, a script at most 128 KiB, its calls 2000 deep.
//   - What goes over a limit ends by itself, and nothing of the script is applied.
package script
