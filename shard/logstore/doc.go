// Package logstore keeps Raft logs on disk under a chosen fsync policy.
//
// Log is the log of one Raft group, Stable the terms and votes of all groups of a node, Snapshots the snapshots of one
// group. What holds of a log whatever it is written to (the floor under truncation, the snapshot boundary, the window
// in memory, the end after a write error) lives in Log. What writes it is a Backend: a group in the WAL that all groups of
// a node share, one raft-boltdb file for each group, memory that forgets in a crash in package crashstore. Run remembers
// how a node's last run ended, for the amnesia guard. DESIGN.md has the format of the WAL and what each policy loses.
//
// The log goes back to the older of the two snapshots that are kept, so that either of them, with the log behind it, is
// the whole state. raft tries the newest first; Snapshots lets it take an older one only if the log leads on from there.
//
// Goroutines: raft calls StoreLogs and DeleteRange on the main goroutine of a group, DeleteRange also on its snapshot
// goroutine, GetLog on any. Stable owns one goroutine, the committer, WAL one or two: the writer, and under everysec the syncer.
//
// Lock order: Snapshots.closing, Log.writer (both held across I/O), then one of Log.mu, Budget.mu, WAL.mu (none held across
// I/O); WALGroup.mu comes after WAL.mu, syncState.mu is taken alone.
//
// # Divergences
//
//   - hashicorp/raft writes a vote in two steps (hashicorp/raft#661). Here the term of a vote is only staged until its
//     candidate comes, then both are one write.
//   - hashicorp/raft keeps what a follower's log holds at or below an installed snapshot that the log does not agree
//     with. Raft §7 discards it, and so does Log: as a leader, such a replica could ship those entries. Entries above the
//     snapshot stay until raft truncates them, because raft still counts them in memory.
//   - GetLog answers the index of such a snapshot with its term, although no entry is stored there. Without it a
//     follower whose divergent tail reaches past the snapshot is sent that snapshot for ever (hashicorp/raft#697).
//     The placeholder must never be replicated: a transport refuses to send an entry for which IsPlaceholder says yes.
//   - Prefix compaction keeps the entry at the snapshot index, for the same reason: the Prev check of AppendEntries
//     then finds the real entry.
//   - Compaction stops at the oldest snapshot kept; hashicorp/raft compacts behind the newest.
//   - raft.FileSnapshotStore has no checksum over who the members are, syncs no folder that names the files, leaves the
//     files of a snapshot that failed, and reads a state twice. Snapshots are files of our own, one each.
//   - raft-boltdb stores no checksum with a record. A log entry of any type is written with a CRC32C (of group, index,
//     term, type, data and extensions) behind its extensions, and GetLog verifies and removes it: raft and the wire see
//     the bytes that were stored. Pages of the file itself carry no checksum in bbolt: damage there shows as a record that
//     is missing or does not verify, as a fault while OpenLog reads the whole log, or as bbolt's own panic on another
//     goroutine, which ends the process without naming the file. A tail lost from a page is not noticed.
//   - After a fatal error every write is refused. Reads of what was durable before still answer: raft panics
//     on a failed read, and Fatal, not that panic, decides how the process ends.
package logstore
