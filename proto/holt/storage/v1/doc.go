// Package storagev1 is what stays on disk without being a hot path.
//
// That is entries and snapshots of the meta group, the identity of a data folder, marks of Raft groups, the headers of
// shard snapshots.
//
// It changes only compatibly: field numbers and enum values are never reused or given another meaning.
package storagev1
