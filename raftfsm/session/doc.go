// Package session remembers, per slot, the results of requests that carry an id, so that a retry applies once.
//
// # How long is remembered
//
// An id has an end: an instant of the shards' clock from which on no attempt with this id is evaluated any more. The
// client fixes it with the first attempt, from the time that it was told by replies, and every retry carries the same. So a
// result need not be remembered for longer than that, nothing has to be forgotten earlier, and an attempt that was
// delayed on its way, for however long, is refused and not applied twice. Whoever evaluates refuses an id
//
//   - whose end has passed, or lies further off than LifeMax,
//   - that is new while the table is full.
//
// # What is part of the state
//
// Only results whose end has not passed by the shard's time are: digests, snapshots and hand-overs leave the others
// out, and replicas may keep those for different times. Results travel with their slot. By the shard's time is meant that of
// the last applied record: a clock that runs ahead of it must not forget, because the next leader's may be behind.
//
// # Divergences
//
// The Raft dissertation (§6.3) has clients register sessions that servers expire by agreement. Here a request belongs to
// a slot and slots move between groups, so a session would have to be registered everywhere and to move in parts.
package session
