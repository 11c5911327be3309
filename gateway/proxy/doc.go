// Package proxy reaches replicas on other nodes for servers that redirect no client.
//
// A replica elsewhere is a router.Replica to which ops are sent as the commands that their clients have sent, over connections that all
// clients share. What it answers goes back as it is.
//
// # What is followed, and what is repeated
//
// MOVED and ASK are followed here: nothing was applied then. A command that was not sent, or that only reads, is refused as "not
// applied" where its connection breaks, and whoever asked routes it again. A write whose connection breaks behind it has an unknown
// outcome, and is not repeated.
//
// # Order
//
// A client's commands for one leader go over one connection, in order. One that was redirected is not repeated behind a later one of
// its slot that took effect: it is answered with TRYAGAIN.
//
// # Goroutines
//
// A lane, the connection to one leader that several clients share, has one that reads. Whoever has something to send writes it, and
// what others have queued meanwhile. A timer ends a lane that nobody uses any more, and Pool.Close all.
//
// # Locks
//
// Pool.mu comes before lane.mu.
package proxy
