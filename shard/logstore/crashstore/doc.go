// Package crashstore is the disk of a replica in memory, which loses what a crash would lose.
//
// A Disk is what a machine keeps. Open puts the real logstore.Log, logstore.Stable and logstore.Snapshots on it, so
// a simulation runs the code that runs in production; only the lowest layer differs. Crash takes the power away: the
// stores that were open become ghosts, and Open returns what is left. A ghost keeps raft alive until its Shutdown but
// reaches nothing: its log refuses to write, its votes go nowhere. Cut its network before the crash.
//
// It uses no clock and no files. Inside testing/synctest make the Disk and arm its faults in the bubble.
package crashstore
