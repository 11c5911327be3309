package metrics

// shard tells of one replica.
func (s sink) shard(r Shard) {
	id := shardLabel(r.ID)
	gauge := func(name, help string, value float64) { s.gauge("holt_shard_"+name, help, value, id) }
	counter := func(name, help string, value uint64) { s.counter("holt_shard_"+name, help, value, id) }
	gauge("leader", "1 if this node leads the shard, else 0.", truth(r.Leads))
	gauge("serving", "1 if this node leads the shard and serves it, else 0.", truth(r.Serving))
	gauge("term", "Raft term of the replica.", float64(r.Term))
	gauge("last_index", "Index of the last entry in the log.", float64(r.Last))
	gauge("committed_index", "Index of the last entry that is known to be committed.", float64(r.Committed))
	gauge("applied_index", "Index of the last entry that was applied.", float64(r.Applied))
	gauge("keys", "Keys of the replica, expired ones that are not deleted yet included.", float64(r.Keys))
	gauge("expires", "Keys of the replica that have an expiry.", float64(r.Expires))
	gauge("used_bytes", "What the keys of the shard take once all that is evaluated has been applied.", float64(r.Executor.UsedBytes))
	gauge("budget_bytes", "What they may take; 0 is no limit.", float64(r.Executor.BudgetBytes))
	gauge("queued_requests", "Requests that wait for evaluation.", float64(r.Executor.Queued))
	counter("evaluated_total", "Requests that this leader has evaluated.", r.Executor.Evaluated)
	counter("batches_total", "Batches that were proposed for them.", r.Executor.Batches)
	counter("batch_bytes_total", "Size of those batches in bytes.", r.Executor.BatchBytes)
	counter("skipped_records_total", "Records that failed the fence, so that no replica applied them.", r.Executor.Skipped)
	counter("reads_total", "Reads without evaluation: by lease, by a quorum's word, stale ones.", r.Executor.Reads)
	counter("reads_held_total", "Looks at values that were not committed yet.", r.Executor.Held)
	counter("expired_keys_total", "Keys that this leader has deleted because their expiry had passed.", r.Executor.Expired)
	counter("evicted_keys_total", "Keys that this leader has deleted because the memory was used up.", r.Executor.Evicted)
	counter("oom_refused_total", "Requests that were refused because nothing could be evicted for them.", r.Executor.RefusedOOM)
	counter("snapshots_total", "Snapshots that were taken.", r.Snapshots)
	gauge("snapshot_failed", "1 if the last attempt at a snapshot failed, else 0.", truth(r.SnapshotFailed))
	gauge("unsaved_changes", "Changes of keys since the newest snapshot.", float64(r.Unsaved))
	if !r.LastSnapshot.IsZero() {
		gauge("last_snapshot_timestamp_seconds", "When the newest snapshot was complete, in seconds since the Unix epoch.", float64(r.LastSnapshot.UnixMilli())/1000)
		gauge("last_snapshot_duration_seconds", "For how long it was written.", r.SnapshotTook.Seconds())
	}
}
