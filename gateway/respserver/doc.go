// Package respserver serves RESP connections: pipelines, transactions, cluster commands.
//
// # One connection
//
// One goroutine reads, runs and answers the commands of a connection, in rounds: it takes every whole command that is
// buffered, at most Limits.PipelineMax, runs those that need no leader's executor at once, collects the others as ops
// on a flight per shard, waits for all of them, then writes the replies in order. A read goes to the replica directly,
// in the connection's goroutine, unless an op of the round is open on the same replica: then the read becomes an op
// too and so comes after it (PROTOCOL rule 12). Between shards a round gives no order, as Redis Cluster gives none
// between nodes.
//
// What an op is answered with as "not applied, not the leader" is routed again until router.HoldMax has passed, which
// hides planned transfers. It is not repeated where a later op of the round on that shard took effect, or may have: the
// order of a connection's writes is never changed.
//
// Arguments lie in the reader's buffer while ops refer to them. Flight.Wait returns when every op has its answer, and
// after an op was given up its Do neither runs nor will (shard/executor, Request.Abandon: a request is withdrawn before
// it was taken, or its evaluation is over), so the buffer is free again after Wait, whatever the answers are.
//
// # Who writes to a socket
//
// The connection's goroutine writes replies. A connection with CLIENT TRACKING on has a second goroutine that writes
// invalidations while the first one waits for commands; while a round runs, invalidations are kept until its replies
// are written, so that a value never reaches the client behind the message that it is outdated. Invalidations from before
// a round go before its replies: a client that has heard of a change by another way hears of it here too before it is
// answered. State machines call KeyChanged and SlotsChanged; those only append to a bounded buffer.
//
// # Locks
//
// Order: output.writing; a slot of the tracking table, or the list of trackers; tracker.mu; output.mu. Server.mu and
// conn.mu are taken with no other. output.writing alone is held across I/O, and only by the two goroutines of its
// connection. State machines call in while they hold a slot of the store, so none of these is held while an op or a read
// is evaluated.
//
// # Divergences
//
// From Redis 7.2:
//   - Every node is shown as a master of the slots that it leads (see topology), none as a replica.
//   - CLIENT TRACKING knows RESP3 pushes in default, OPTIN and OPTOUT mode, with or without NOLOOP. BCAST, PREFIX and
//     REDIRECT are refused.
//   - FLUSHALL and FLUSHDB are refused inside a transaction: they touch every shard that the node leads.
//   - WAIT asks which replicas hold the log up to the last write, so what it counts survives a failover.
//   - Keys that one connection watches are of one slot, and so is its transaction. EXEC may also find a watched key changed
//     that was missing all the time, where another key of the slot was deleted meanwhile, or the shard's leader began anew.
//   - SCAN and KEYS show the slots that the node leads; KEYS is no snapshot: keys that come or go meanwhile are shown or not.
//   - SHUTDOWN hands leaderships over first, whatever it is given, and there is nothing to abort.
//   - WAITAOF is refused where logs are not synced before writes are acknowledged.
//   - DEBUG knows SLEEP, which holds its connection only, OBJECT and SET-ACTIVE-EXPIRE.
//   - SAVE writes the snapshots of this node's shards and holds no other connection. BGREWRITEAOF does what BGSAVE does: a
//     snapshot is what makes the log shorter. INFO's rdb fields tell of snapshots, its aof fields of the log.
//   - Slots are handed over as a whole: a frozen slot is answered with ASK whatever keys it has, and where ASK leads to, commands
//     wait until the slot is served, then for TRYAGAIN.
//   - Commands that only tell of the cluster are answered while the node loads its data, once it knows the
//     cluster.
//   - The times of SLOWLOG, LATENCY and INFO include what a write waits for its commit. Of a round the slow log keeps 8 commands at most, and
//     there is no LATENCY GRAPH. latency-tracking is always on.
//   - CLIENT UNPAUSE is not held back by CLIENT PAUSE.
//   - ACL SETUSER and DELUSER are durable when they answer, and hold at all nodes; ACL SAVE and LOAD have no file. CONFIG GET
//     requirepass does not show the password, of which only a hash is kept.
package respserver
