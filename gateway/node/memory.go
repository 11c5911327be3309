package node

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/respserver"
)

// memory is where the memory of this node is.
func (n *Node) memory() respserver.MemoryFacts {
	used := n.usedBytes()
	facts := respserver.MemoryFacts{Used: used, Peak: n.notePeak(used), Limit: n.maxMemory(), RSS: residentBytes(), System: systemBytes()}
	samples := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(samples)
	facts.Runtime = int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
	facts.HeapObjects = int64(samples[2].Value.Uint64())
	return facts
}

// usedBytes is what the keys of all replicas of this node take.
func (n *Node) usedBytes() int64 {
	h := n.host.Load()
	if h == nil {
		return 0
	}
	used := int64(0)
	for _, r := range h.Replicas() {
		used += r.Store().UsedBytes()
	}
	return used
}

// maxMemory is what this node may hold.
func (n *Node) maxMemory() int64 {
	if h := n.host.Load(); h != nil {
		return h.MaxMemoryBytes()
	}
	if n.cfg.MaxMemoryBytes != nil {
		return *n.cfg.MaxMemoryBytes
	}
	return 0
}

// peakEvery is how often the memory of the keys is looked at for its peak, as Redis does.
const peakEvery = 100 * time.Millisecond

// watchPeak keeps the peak until the node closes.
func (n *Node) watchPeak() {
	ticker := time.NewTicker(peakEvery)
	defer ticker.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
			n.notePeak(n.usedBytes())
		}
	}
}

// notePeak returns the most that the keys have taken so far.
func (n *Node) notePeak(used int64) int64 {
	for {
		peak := n.peak.Load()
		if used <= peak {
			return peak
		}
		if n.peak.CompareAndSwap(peak, used) {
			return used
		}
	}
}

// slabs is what MEMORY tells beyond that.
func (n *Node) slabs() respserver.SlabFacts {
	var facts respserver.SlabFacts
	h := n.host.Load()
	if h == nil {
		return facts
	}
	for _, r := range h.Replicas() {
		m := r.Store().Memory()
		facts.Held += m.Held
		facts.Spare += m.Spare
		facts.Pending += m.Pending
		facts.Keys += r.Store().Len()
	}
	return facts
}

// purge makes the Go runtime give back what nothing is in. The slabs do so by themselves.
func purge() { debug.FreeOSMemory() }

// residentBytes is the memory of this process as the kernel counts it, 0 where it does not say.
func residentBytes() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// systemBytes is the memory of the machine, 0 where the kernel does not say.
func systemBytes() int64 {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" && fields[2] == "kB" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kb << 10
		}
	}
	return 0
}
