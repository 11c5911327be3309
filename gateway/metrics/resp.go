package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holtcache/holt/gateway/respserver"
)

// resp tells of the RESP port.
func (s sink) resp(f Facts) {
	r := f.RESP
	s.gauge("holt_resp_connections", "RESP connections that are open.", float64(r.Connections))
	s.counter("holt_resp_connections_accepted_total", "RESP connections that were accepted.", r.Accepted)
	s.counter("holt_resp_connections_refused_total", "RESP connections that were refused because of maxclients.", r.Refused)
	s.counter("holt_resp_connections_broken_total", "RESP connections that ended with an error.", r.Broken)
	s.counter("holt_resp_connections_timed_out_total", "RESP connections that sent nothing, or half a command, for too long.", r.TimedOut)
	s.counter("holt_resp_protocol_errors_total", "Bytes that were no command.", r.ProtocolErrors)
	s.counter("holt_resp_auth_failures_total", "Wrong passwords.", r.AuthFailures)
	s.counter("holt_resp_panics_total", "Commands that made this program panic; each costs one connection.", r.Panics)
	s.gauge("holt_tracking_clients", "Connections with CLIENT TRACKING on.", float64(r.Tracking))
	s.gauge("holt_tracking_bytes", "What the table of tracked keys takes, about.", float64(r.TrackingBytes))
	for name, n := range r.Commands {
		s.counter("holt_commands_total", "Commands of RESP clients, by name.", n, label{"command", name})
	}
	for name, st := range r.Ended {
		s.counter("holt_commands_failed_total", "Commands that were run and answered with an error, by name.", st.Failed, label{"command", name})
		s.counter("holt_commands_rejected_total", "Commands that were not run: sent elsewhere, not allowed, or wrong inside of MULTI; by name.", st.Rejected, label{"command", name})
		s.latency(name, &st.Took)
	}
	for name, n := range r.Errors {
		s.counter("holt_error_replies_total", "Error replies, by their first word.", n, label{"error", name})
	}
}

// The buckets of a histogram end at powers of two of a microsecond. There is one histogram for each command of the table that was
// called, so that they are few.
const (
	bucketFirst = 16 * time.Microsecond
	bucketLast  = bucketFirst << 17 // 2 s, longer than anything waits for a commit
)

// latency is the histogram of one command. The server counts in finer steps, some of which end where the buckets do.
func (s sink) latency(command string, l *respserver.Latency) {
	buckets := map[float64]uint64{}
	count, bound := uint64(0), bucketFirst
	for step, n := range l.Counts {
		count += n
		if respserver.LatencyBound(step) == bound && bound <= bucketLast {
			buckets[bound.Seconds()] = count
			bound *= 2
		}
	}
	desc, values := describe("holt_command_duration_seconds", "How long commands took, from being parsed to their reply being ready, by name; those of a pipeline that wait for one commit end together.",
		[]label{{"command", command}})
	s.out <- prometheus.MustNewConstHistogram(desc, count, l.Total.Seconds(), buckets, values...)
}
