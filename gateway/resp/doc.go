// Package resp speaks RESP2 or RESP3, the wire protocols of Redis.
//
// [Reader] is the server's half: it cuts what a client sends into commands. [Value] is one reply, written by
// [Value.Append]. [ReplyReader] with [AppendCommand] is the client's half, for tests, benchmarks and forwarding.
//
// The Reader faces whoever reaches the port, so four things hold for any input (Redis' CVE-2021-32675,
// CVE-2021-21309, CVE-2026-27623 and the crashes of tidwall/redcon 1.6.4 are what happens without them):
//   - Nothing is allocated because of a declared length; buffers grow with the bytes that arrived. While a command is
//     incomplete the Reader holds at most 4 bytes per byte received, plus 64 KiB.
//   - A byte is looked at a constant number of times however the input is split, so total work is linear.
//   - A length is compared with its cap before anything is computed from it. There is no recursion.
//   - After a protocol error the Reader gives the same error for ever: no state is left for a next command.
//
// # Divergences
//
// From Redis 7, all in the direction of refusing early what can only be an error or an attack:
//   - A bulk must be followed by CRLF, the \r of a length line by \n. Redis skips two bytes unseen.
//   - A request that begins with a RESP type other than '*' is refused. Redis takes it for an inline command.
//   - An inline request or a length line over its limit is refused also if its end arrived in the same read.
//   - "expected '$'" is said on the first wrong byte, not at the end of its line; a byte that cannot be printed is
//     shown as \xHH.
//   - NUL in an inline request is an ordinary byte. Redis never finds the end of such a line.
//   - The argument limits before AUTH hold for inline requests too.
//   - A command over the query buffer limit is answered before the connection is closed, and as soon as a length
//     says that the command cannot fit.
//   - The argument limit is that of Redis 6 (1,048,576), not of Redis 7 (2^31-1).
package resp
