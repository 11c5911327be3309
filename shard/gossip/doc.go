// Package gossip finds the nodes of a cluster by gossip.
//
// It also says which of them look dead and who seems to lead a shard. Everything it says is a hint: it may be
// late, lost or wrong, and nobody may decide ownership, membership or a vote by it. The truth is in the logs of the
// meta group and of the shards.
//
// Who runs where: memberlist calls the delegate on its own goroutines, often with its node lock held. The delegate
// takes mu, changes the table and returns: it never calls memberlist, never blocks, and never logs directly (log
// lines go through a bounded queue). Three goroutines belong to Gossip: rejoin, announce, log; one to the transport.
//
// Lock order: lifecycle (Leave, Close), then memberlist's locks, then mu. The locks of watchers, transport and
// broadcast queue are leaves: nothing is called with them held. mu is never held while memberlist is called.
//
// # Divergences
//
//   - memberlist knows a suspect state but has no event for it, and reading it through Members is a data race. So
//     StateSuspect is our own observation: memberlist falls back to a TCP ping exactly when a UDP probe was not
//     answered, our transport sees that dial (it names the node), and when TCP brings no answer either, the node is
//     suspect until a probe is answered. That is the local view that Redis calls PFAIL. It does not include
//     suspicion that other nodes have spread, so in a large cluster a node may turn from alive to dead at once. (The
//     age of the last PingDelegate.NotifyPingComplete was tried on paper: a node is probed once per round of n
//     intervals, so the age crosses any safe threshold only after memberlist has declared the node dead.)
//   - memberlist cannot tell its user a node that left from one that died. A leaving node says so in a message of
//     ours before it leaves; the message counts before and after memberlist's own event.
//   - memberlist refuses a new address for a known name until the old one is dead for DeadNodeReclaimTime, which
//     then protects nothing but time. Ours is short, and the start counter in the metadata protects instead: a
//     message with a lower start is refused while the entry is remembered.
//   - Close cannot wait for a probe that memberlist has under way: it ends within one (scaled) probe interval after
//     Close, holds no socket, and touches memory only.
package gossip
