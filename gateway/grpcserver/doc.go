// Package grpcserver serves the gRPC services of a node: cache, topology, admin, health, reflection.
//
// Calls are operations of gateway/ops that gateway/router places: here, or at the node that leads the shard, to which
// the call is forwarded once. The receiving half of a forwarded call, ServeForward, never forwards again.
//
// # What is repeated, and what never is
//
// A call that was refused before anything was applied (not the leader any more, slot not owned, shutting down, forward
// never sent) is routed again until router.HoldMax has passed since it arrived. A write whose outcome is unknown is
// answered so, and never repeated; a call that only reads may be. Clients repeat writes that carry a request id: the executor
// applies those once, and what it remembers is the reply as a PipelineReply, whichever way the call came.
//
// # Who calls
//
// A call says who it is of in its metadata, or is the default user's. A stream says so when it begins; what its user may do is asked
// for each call on it. The table of rights says for each method to which command of RESP it amounts, and whom nobody listed may not
// call. ServeForward asks nobody: the node that took the call has.
//
// # Errors
//
// Every error that this package makes carries an ErrorDetail. Errors that grpc-go makes itself before a handler runs (a
// message over the limit, one that does not decode, an unknown method) carry none: nothing was done then.
//
// # Health
//
// The overall status ("") and that of CacheService tell whether the node is ready for clients: it belongs to a cluster,
// has loaded its data, and every slot has an owner. A slot that lost its leader does not count, because calls are held during a failover, and a
// load balancer that took every node away at once would make it worse. TopologyService and AdminService are SERVING from
// the start: ask for one of them to learn whether the process lives. Everything is NOT_SERVING while the server stops.
//
// # Goroutines
//
// Handlers run on goroutines of grpc-go, at most Limits.StreamsPerConnection a connection. A pipeline adds a receiver, and with its
// first message a sender and a goroutine for each call in flight; its handler waits for all but the receiver, which ends with the
// stream, and for that one too where the stream is over.
//
// # Floods
//
// Goroutines that a connection sets to work again and again at once hold up all others of the process, however short each runs: they
// wait in the scheduler's global queue, which is looked at now and then as long as there is work elsewhere. So connections are
// read from no faster than their frames are worth (pace.go). go run ./tests/robustness hostile measures what others notice.
package grpcserver
