// Package storagev1 is what stays on disk and is no hot path: entries and snapshots of the meta group, the identity of a
// data folder, the headers of shard snapshots.
//
// It changes only compatibly: field numbers and enum values are never reused or given another meaning.
package storagev1
