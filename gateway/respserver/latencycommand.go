package respserver

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// latencyLatest is LATENCY LATEST: of each event its name, when it happened last, how long that took and the longest.
func (c *conn) latencyLatest([][]byte) resp.Value {
	latest := []resp.Value{}
	for kind, name := range eventNames {
		s := c.server.observer.events.series(kind)
		if n := len(s.samples); n > 0 {
			last := s.samples[n-1]
			latest = append(latest, resp.Array(resp.BulkString(name), resp.Int(last.second), resp.Int(last.took.Milliseconds()), resp.Int(s.max.Milliseconds())))
		}
	}
	return resp.Array(latest...)
}

// latencyHistory is LATENCY HISTORY event. An event that nobody knows has none, as in Redis.
func (c *conn) latencyHistory(args [][]byte) resp.Value {
	history := []resp.Value{}
	if kind := slices.Index(eventNames[:], string(args[2])); kind >= 0 {
		for _, sample := range c.server.observer.events.series(kind).samples {
			history = append(history, resp.Array(resp.Int(sample.second), resp.Int(sample.took.Milliseconds())))
		}
	}
	return resp.Array(history...)
}

// latencyReset is LATENCY RESET [event ...]; it tells of how many events anything was known.
func (c *conn) latencyReset(args [][]byte) resp.Value {
	known := int64(0)
	for kind, name := range eventNames {
		wanted := len(args) == 2 || slices.ContainsFunc(args[2:], func(arg []byte) bool { return string(arg) == name })
		if wanted && c.server.observer.events.reset(kind) {
			known++
		}
	}
	return resp.Int(known)
}

// latencyHistogram is LATENCY HISTOGRAM [command ...]: of each command that was called how often, and how many took at most so
// many microseconds, by powers of two. A command with subcommands stands for all of them.
func (c *conn) latencyHistogram(args [][]byte) resp.Value {
	histograms := []resp.Value{}
	for _, r := range c.server.calledRows() {
		wanted := len(args) == 2 || slices.ContainsFunc(args[2:], func(arg []byte) bool {
			name := strings.ToLower(clip(arg))
			return name == r.spec.Name || name == r.spec.Parent
		})
		if took, _ := r.ended.sum(); wanted {
			histograms = append(histograms, resp.BulkString(r.spec.Name), resp.Map(
				resp.BulkString("calls"), resp.Int(int64(took.Count())),
				resp.BulkString("histogram_usec"), resp.Map(took.byPowersOfTwo()...)))
		}
	}
	return resp.Map(histograms...)
}

// byPowersOfTwo lists microseconds and how many commands took at most so long, where that is more than up to the one before.
// The last power stands for all that took longer, too.
func (l *Latency) byPowersOfTwo() (list []resp.Value) {
	list = []resp.Value{}
	sum, shown := uint64(0), uint64(0)
	for step, n := range l.Counts {
		sum += n
		if (step+1)%latencyParts == 0 && sum > shown {
			list = append(list, resp.Int(1<<((step+1)/latencyParts-1)), resp.Int(int64(sum)))
			shown = sum
		}
	}
	return list
}

// calledRows are the rows of the commands that have ended, by name.
func (s *Server) calledRows() []*row {
	var rows []*row
	for _, r := range s.rows {
		if r.ended.parts.Load() != nil {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *row) int { return cmp.Compare(a.spec.Name, b.spec.Name) })
	return rows
}

// latencyDoctor is LATENCY DOCTOR: what was measured, and what the operator may do.
func (c *conn) latencyDoctor([][]byte) resp.Value {
	o := &c.server.observer
	if o.events.threshold() == 0 {
		return resp.Verbatim("txt", "Latency events are off. \"CONFIG SET latency-monitor-threshold <milliseconds>\" turns them on; SLOWLOG GET and LATENCY HISTOGRAM know what took long without them.\n")
	}
	var text strings.Builder
	for kind, name := range eventNames {
		s := o.events.series(kind)
		if len(s.samples) == 0 {
			continue
		}
		sum, last := time.Duration(0), s.samples[len(s.samples)-1]
		for _, sample := range s.samples {
			sum += sample.took
		}
		fmt.Fprintf(&text, "%s: in %d different seconds, the longest %d ms, on average %d ms, the last one %d s ago took %d ms.\n", name, len(s.samples),
			s.max.Milliseconds(), (sum / time.Duration(len(s.samples))).Milliseconds(), time.Now().Unix()-last.second, last.took.Milliseconds())
	}
	if text.Len() == 0 {
		return resp.Verbatim("txt", fmt.Sprintf("No command took %d ms or longer.\n", o.events.threshold().Milliseconds()))
	}
	text.WriteString("Times include waiting for a majority of replicas and their disks. SLOWLOG GET shows the commands. " +
		"Slow writes of all kinds: look at the disks (appendfsync is in CONFIG GET) and the network between nodes. Slow single commands: they name many keys or large values.\n")
	return resp.Verbatim("txt", text.String())
}
