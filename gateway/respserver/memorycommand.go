package respserver

import (
	"fmt"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// Below so many bytes nothing can be said of where memory goes (Redis, object.c, getMemoryDoctorReport).
const doctorUsedMin = 5 << 20

// doctorSlackMin is what may be held without being used before it is worth a word (the same).
const doctorSlackMin = 10 << 20

// memoryDoctor is MEMORY DOCTOR: what stands out in the figures, and what to do about it.
func (c *conn) memoryDoctor([][]byte) resp.Value {
	facts, slabs := c.server.facts(), c.server.slabs()
	return resp.Verbatim("txt", diagnose(&facts, slabs))
}

func diagnose(f *InfoFacts, slabs SlabFacts) string {
	m := &f.Memory
	if m.Used < doctorUsedMin {
		return "This node holds too few keys for anything to be said of its memory.\n"
	}
	var found []string
	say := func(format string, args ...any) { found = append(found, " * "+fmt.Sprintf(format, args...)+"\n") }
	if m.Peak > m.Used/2*3 {
		say("Peak: keys took %s once and take %s now. What they left is used again; MEMORY PURGE gives back what can be given back.", human(m.Peak), human(m.Used))
	}
	if slack := m.RSS - m.allocated(); m.fragmentation() > 1.4 && slack > doctorSlackMin {
		say("Fragmentation: the process takes %s, %s more than it knows to hold.", human(m.RSS), human(slack))
	}
	if slabs.Pending > m.Used/4 && slabs.Pending > doctorSlackMin {
		say("Pending: %s was deleted, or is kept for a snapshot that is being written, and is not free yet.", human(slabs.Pending))
	}
	if m.Limit > 0 && m.Used > m.Limit/10*9 {
		say("Limit: keys take %s of a maxmemory of %s, with maxmemory-policy %s.", human(m.Used), human(m.Limit), f.evictionPolicy())
	}
	if m.Limit == 0 && m.System > 0 && m.RSS > m.System/4*3 {
		say("No limit: the process takes %s of the machine's %s and maxmemory is 0. Set it, or the kernel may end the process.", human(m.RSS), human(m.System))
	}
	if m.System > 0 && m.Limit > m.System/10*9 {
		say("Limit: a maxmemory of %s leaves too little of the machine's %s for all that it does not count (used_memory_overhead).", human(m.Limit), human(m.System))
	}
	if len(found) == 0 {
		return "Nothing stands out in the memory of this node.\n"
	}
	return "What stands out in the memory of this node:\n\n" + strings.Join(found, "\n")
}

// memoryPurge is MEMORY PURGE.
func (c *conn) memoryPurge([][]byte) resp.Value {
	if c.server.cfg.Purge != nil {
		c.server.cfg.Purge()
	}
	c.arrived = time.Now()
	return resp.OK()
}

// mallocStats is MEMORY MALLOC-STATS: the figures of the two allocators, that of the keys and Go's.
func (c *conn) mallocStats([][]byte) resp.Value {
	facts, slabs := c.server.facts(), c.server.slabs()
	m := &facts.Memory
	var t strings.Builder
	for _, line := range []struct {
		name  string
		bytes int64
	}{
		{"slabs: used by keys", m.Used}, {"slabs: held", slabs.Held}, {"slabs: spare", slabs.Spare}, {"slabs: pending", slabs.Pending},
		{"go: heap objects", m.HeapObjects}, {"go: held", m.Runtime}, {"process: resident", m.RSS},
	} {
		fmt.Fprintf(&t, "%-22s %14d  %s\n", line.name, line.bytes, human(line.bytes))
	}
	return resp.Verbatim("txt", t.String())
}
