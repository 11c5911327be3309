// Package host owns all Raft groups of this node.
//
// A node has a replica of the meta group if the controller made it a member, and a replica of each shard that the meta
// group's state gives it. Host opens and closes them, knows who leads what, and is the node's one way to the meta group.
//
// # Bootstrap
//
// The members with which a group begins are written once, in the meta group's state, under an id that is never used
// again. A node bootstraps its replica only after the meta leader has confirmed that the shard is still being created,
// and after a durable mark; the mark stays. From the moment a shard is formed, replicas without data start empty. The meta
// group is begun by its founder alone, once; a log that is missing although its votes are there is never begun anew.
//
// # Removal
//
// A replica that the meta group's state gives to this node no more is closed and deleted once the leader of its group says that
// it is no member; a tombstone stays. Should the shard be given to this node again, the replica starts empty, and votes for
// no log that ends before the deleted one did.
//
// # Opening
//
// A replica is opened at the start of the node only if its group is known to have formed: its first slots are in its log.
// Until then they are in the meta group's state alone, and the replica waits for that.
//
// # Goroutines
//
// Run's goroutines: one opens replicas as the state demands, one keeps this node registered, one follows the meta group
// from outside where this node is no member, one passes leaders on to gossip. The rest belongs to the groups.
package host
