package respserver

import (
	"fmt"

	"github.com/holtcache/holt/gateway/resp"
)

// MemoryFacts is where the memory of this node is, in bytes.
type MemoryFacts struct {
	// Used is what keys and values take with their tables, on all replicas of this node: what Limit (maxmemory) bounds. Peak
	// is the most that it was. A Limit of 0 is none.
	Used, Peak, Limit int64
	// Runtime is what the Go runtime holds of the machine's memory: heap, stacks, its own structures. HeapObjects is the part
	// of it that objects take, dead ones that are not collected yet included. Keys and values are not in it.
	Runtime, HeapObjects int64
	// RSS is the resident memory of the process as the kernel counts it, System the memory of the machine.
	RSS, System int64
}

// SlabFacts is where the memory of the keys is, in bytes. To find out costs a look at every slot.
type SlabFacts struct {
	// Held is the memory of the slabs, used or not; Spare is what they keep for their next runs; Pending was dropped, or is
	// kept for a snapshot, and is not yet free.
	Held, Spare, Pending int64
	// Keys is how many keys all replicas of this node hold.
	Keys int
}

// allocated is what the program knows to hold.
func (m *MemoryFacts) allocated() int64 { return m.Used + m.Runtime }

// fragmentation is how much the kernel counts for each byte of it (Redis: mem_fragmentation_ratio).
func (m *MemoryFacts) fragmentation() float64 {
	if m.allocated() == 0 {
		return 0
	}
	return float64(m.RSS) / float64(m.allocated())
}

func percent(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// human writes a number of bytes as INFO does (Redis, server.c, bytesToHuman).
func human(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%dB", n)
	}
	scaled, unit := float64(n)/(1<<10), 0
	for ; scaled >= 1<<10 && unit < len("KMGTP")-1; unit++ {
		scaled /= 1 << 10
	}
	return fmt.Sprintf("%.2f%c", scaled, "KMGTP"[unit])
}

// addBytes writes a number of bytes, and once more for people.
func (t *infoText) addBytes(field string, n int64) {
	t.add(field, n)
	t.add(field+"_human", human(n))
}

func infoMemory(_ *conn, f *InfoFacts, t *infoText) {
	m := &f.Memory
	t.addBytes("used_memory", m.Used)
	t.addBytes("used_memory_rss", m.RSS)
	t.addBytes("used_memory_peak", m.Peak)
	t.add("used_memory_peak_perc", fmt.Sprintf("%.2f%%", percent(m.Used, m.Peak)))
	t.add("used_memory_dataset", m.Used)
	t.add("used_memory_dataset_perc", fmt.Sprintf("%.2f%%", percent(m.Used, m.allocated())))
	t.add("used_memory_overhead", m.Runtime)
	t.addBytes("total_system_memory", m.System)
	t.addBytes("maxmemory", m.Limit)
	t.add("maxmemory_policy", f.evictionPolicy())
	t.add("mem_fragmentation_ratio", fmt.Sprintf("%.2f", m.fragmentation()))
	t.add("mem_fragmentation_bytes", m.RSS-m.allocated())
	t.add("mem_not_counted_for_evict", m.Runtime)
	t.add("mem_allocator", "go")
	t.add("go_heap_objects", m.HeapObjects)
	t.add("go_runtime", m.Runtime)
}

func (f *InfoFacts) evictionPolicy() string {
	if f.EvictionPolicy == "" {
		return "noeviction"
	}
	return f.EvictionPolicy
}

func (s *Server) slabs() SlabFacts {
	if s.cfg.Slabs == nil {
		return SlabFacts{}
	}
	return s.cfg.Slabs()
}

// memoryStats is MEMORY STATS: the fields of Redis that are so in Holt, and those of its own slabs and runtime.
func (c *conn) memoryStats([][]byte) resp.Value {
	facts, slabs := c.server.facts(), c.server.slabs()
	m := &facts.Memory
	perKey := int64(0)
	if slabs.Keys > 0 {
		perKey = m.Used / int64(slabs.Keys)
	}
	var fields []resp.Value
	for _, f := range []struct {
		name  string
		value resp.Value
	}{
		{"peak.allocated", resp.Int(m.Peak)},
		{"total.allocated", resp.Int(m.Used)},
		{"overhead.total", resp.Int(m.Runtime)},
		{"keys.count", resp.Int(int64(slabs.Keys))},
		{"keys.bytes-per-key", resp.Int(perKey)},
		{"dataset.bytes", resp.Int(m.Used)},
		{"dataset.percentage", resp.Double(percent(m.Used, m.allocated()))},
		{"peak.percentage", resp.Double(percent(m.Used, m.Peak))},
		{"slabs.held", resp.Int(slabs.Held)},
		{"slabs.spare", resp.Int(slabs.Spare)},
		{"slabs.pending", resp.Int(slabs.Pending)},
		{"go.heap-objects", resp.Int(m.HeapObjects)},
		{"go.runtime", resp.Int(m.Runtime)},
		{"fragmentation", resp.Double(m.fragmentation())},
		{"fragmentation.bytes", resp.Int(m.RSS - m.allocated())},
	} {
		fields = append(fields, resp.BulkString(f.name), f.value)
	}
	return resp.Map(fields...)
}
