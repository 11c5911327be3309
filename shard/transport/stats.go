package transport

import "sync/atomic"

// Stats counts what a Transport did since New. Fields that end in Open are gauges.
type Stats struct {
	FramesSent, FramesReceived uint64
	BytesSent, BytesReceived   uint64

	ConnsOutOpen, ConnsInOpen uint64
	Connects                  uint64 // connections dialed whose handshake succeeded
	Reconnects                uint64 // of those, the ones that replaced a lost one
	DialFailures              uint64
	HandshakesRefused         uint64 // incoming connections of a wrong cluster, node, D_max or version
	BadConns                  uint64 // incoming connections closed because of what they sent

	Heartbeats, HeartbeatFrames, HeartbeatReplyFrames uint64 // sent
	Confirms                                          uint64 // answered
	Clamped                                           uint64 // requests whose commit index was lowered on sending
	Shortened                                         uint64 // requests cut to the byte budget
	NotClampedRefused                                 uint64 // incoming requests whose commit index was not lowered
	GuardRefused                                      uint64 // votes, pre-votes and TimeoutNow stopped by the guard
	PreVotesRepeated, PreVotesWithheld                uint64 // asked again after a refusal; refused because this node stands itself
	QueueFull                                         uint64 // frames refused because a connection's queue was full
	ConsumerFull                                      uint64 // incoming requests refused because a group did not keep up
	Timeouts                                          uint64 // calls without a reply in time
	SnapshotsSent, SnapshotsReceived                  uint64 // whole streams
	SnapshotsBroken                                   uint64 // incoming streams that stalled, ended early or failed the checksum
	StampsSent, StampsReceived                        uint64 // portions of access stamps
	StampsDropped                                     uint64 // of those, not sent or not passed on
}

// counters are the atomics behind Stats.
type counters struct {
	framesSent, framesReceived, bytesSent, bytesReceived            atomic.Uint64
	connsOutOpen, connsInOpen                                       atomic.Int64
	connects, reconnects, dialFailures, handshakesRefused, badConns atomic.Uint64
	heartbeats, heartbeatFrames, heartbeatReplyFrames, confirms     atomic.Uint64
	clamped, shortened, notClampedRefused, guardRefused             atomic.Uint64
	preVotesRepeated, preVotesWithheld                              atomic.Uint64
	queueFull, consumerFull, timeouts                               atomic.Uint64
	snapshotsSent, snapshotsReceived, snapshotsBroken               atomic.Uint64
	stampsSent, stampsReceived, stampsDropped                       atomic.Uint64
}

// Stats returns the counts so far.
func (t *Transport) Stats() Stats {
	c := &t.count
	return Stats{
		FramesSent:           c.framesSent.Load(),
		FramesReceived:       c.framesReceived.Load(),
		BytesSent:            c.bytesSent.Load(),
		BytesReceived:        c.bytesReceived.Load(),
		ConnsOutOpen:         uint64(c.connsOutOpen.Load()),
		ConnsInOpen:          uint64(c.connsInOpen.Load()),
		Connects:             c.connects.Load(),
		Reconnects:           c.reconnects.Load(),
		DialFailures:         c.dialFailures.Load(),
		HandshakesRefused:    c.handshakesRefused.Load(),
		BadConns:             c.badConns.Load(),
		Heartbeats:           c.heartbeats.Load(),
		HeartbeatFrames:      c.heartbeatFrames.Load(),
		HeartbeatReplyFrames: c.heartbeatReplyFrames.Load(),
		Confirms:             c.confirms.Load(),
		Clamped:              c.clamped.Load(),
		Shortened:            c.shortened.Load(),
		NotClampedRefused:    c.notClampedRefused.Load(),
		GuardRefused:         c.guardRefused.Load(),
		PreVotesRepeated:     c.preVotesRepeated.Load(),
		PreVotesWithheld:     c.preVotesWithheld.Load(),
		QueueFull:            c.queueFull.Load(),
		ConsumerFull:         c.consumerFull.Load(),
		Timeouts:             c.timeouts.Load(),
		SnapshotsSent:        c.snapshotsSent.Load(),
		SnapshotsReceived:    c.snapshotsReceived.Load(),
		SnapshotsBroken:      c.snapshotsBroken.Load(),
		StampsSent:           c.stampsSent.Load(),
		StampsReceived:       c.stampsReceived.Load(),
		StampsDropped:        c.stampsDropped.Load(),
	}
}
