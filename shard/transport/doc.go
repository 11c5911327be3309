// Package transport carries the Raft messages of all groups over one pair of connections per pair of nodes.
//
// Each ordered pair of nodes has two TCP connections, dialed by the node that sends the requests: control
// (votes, pre-votes, TimeoutNow, heartbeats, Confirm) and data (AppendEntries, snapshots, access stamps), so that a big
// frame never delays a heartbeat. DESIGN.md in this folder has the frame layout, which goroutine does what
// and the decisions.
//
// # Divergences
//
// From hashicorp/raft's NetworkTransport:
//   - LeaderCommitIndex of every outgoing AppendEntries is lowered to PrevLogEntry+len(Entries), and an
//     incoming request that was not is refused. Raft figure 2 lets a follower commit up to the last entry it
//     was just sent; hashicorp/raft 1.8.0 lets it commit up to the end of its own log, divergent tail included.
//   - No heartbeat fast path (hashicorp/raft#695) and no pipeline (hashicorp/raft#612).
//   - AppendEntries is bounded in bytes, by shortening args.Entries in place before the request is sent.
//   - AppendEntries to a node that can't be reached waits for it (RPCTimeout.Hold) instead of failing at
//     once: each failure lengthens hashicorp/raft's own pause between attempts, up to 10 s.
//   - Snapshots are spooled to a file and checked before raft sees the first byte, because raft reads the
//     stream on the group's main goroutine.
//
// # Lock order
//
// lane.mu or heartbeatQueue.mu, then Transport.mu (to start a goroutine). All others (outConn.calls.mu,
// framedConn.mu, Group.mu, spools.mu) are leaves: no lock of this package is taken while one of them is held.
package transport
