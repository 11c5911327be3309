// Package feed gives watchers the changes of one replica's shard in the order of its log.
//
// The log that every replica has anyway is the feed: a Reader takes applied entries one after another, passes over those
// that did not pass the fence (PROTOCOL rule 1), and shows what the effects of the others changed. So all replicas show the
// same changes at the same Position, a reader goes on at the next leader where it stopped at the last one, and a shard that
// nobody watches pays one load an entry. Entries that were decoded are kept for other readers in a bounded ring.
//
// A reader never has a gap. Where the log does not go back far enough, or a position is of another log, it gets a
// CompactedError. One that does not read costs nothing: it falls behind in the log, until the log is truncated.
//
// Slots that are handed over to another shard end here with a Change of kind Left, and go on there behind the activation
// (Feed.AfterMigration): between the two nobody writes to them.
//
// # Locks
//
// Feed.mu is held for look-ups and never while the log is read. The goroutine of the state machine takes it in Wake where
// there are readers, and for marks and moves, which are rare.
package feed
