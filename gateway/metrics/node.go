package metrics

// wire tells of what goes between nodes by the frames of Raft.
func (s sink) wire(f Facts) {
	t := f.Transport
	if t == nil {
		return
	}
	s.counter("holt_transport_sent_bytes_total", "Bytes of Raft messages that were sent.", t.BytesSent)
	s.counter("holt_transport_received_bytes_total", "Bytes of Raft messages that were received.", t.BytesReceived)
	s.counter("holt_transport_sent_frames_total", "Frames that were sent.", t.FramesSent)
	s.counter("holt_transport_received_frames_total", "Frames that were received.", t.FramesReceived)
	s.counter("holt_transport_reconnects_total", "Connections that replaced a lost one.", t.Reconnects)
	s.counter("holt_transport_dial_failures_total", "Attempts to connect that failed.", t.DialFailures)
	s.counter("holt_transport_handshakes_refused_total", "Incoming connections of a wrong cluster, node, setting or version.", t.HandshakesRefused)
	s.counter("holt_transport_timeouts_total", "Calls without a reply in time.", t.Timeouts)
	s.counter("holt_transport_guard_refused_total", "Ballots that were stopped because this node may have lost entries.", t.GuardRefused)
	s.counter("holt_transport_snapshots_sent_total", "Snapshots that were sent whole.", t.SnapshotsSent)
	s.counter("holt_transport_snapshots_received_total", "Snapshots that were received whole.", t.SnapshotsReceived)
	s.counter("holt_transport_snapshots_broken_total", "Incoming snapshots that stalled, ended early or failed the checksum.", t.SnapshotsBroken)
}

// log tells of the write-ahead log.
func (s sink) log(f Facts) {
	l := f.Log
	if l == nil {
		return
	}
	s.counter("holt_log_requests_total", "Writes that the groups of this node asked for.", l.Requests)
	s.counter("holt_log_writes_total", "Writes to the file that they took.", l.Writes)
	s.counter("holt_log_syncs_total", "fdatasync calls that they took.", l.Syncs)
	s.counter("holt_log_written_bytes_total", "Bytes that were written, frames included.", l.Bytes)
	s.counter("holt_log_moved_bytes_total", "Bytes that were copied to free old segments.", l.MovedBytes)
	s.counter("holt_log_stalls_total", "Batches that waited for a late fdatasync (everysec).", l.Stalls)
	s.gauge("holt_log_segments", "Segments of the log.", float64(l.Segments))
	s.gauge("holt_log_disk_bytes", "What the segments take on disk.", float64(l.DiskBytes))
}
