package respserver

import (
	"strings"
	"testing"
)

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\r\n") {
			t.Errorf("lacks %q:\n%s", line, text)
		}
	}
}

func memoryFixture(t *testing.T, m MemoryFacts, s SlabFacts) *client {
	return start(t, fixtureConfig{with: func(c *Config) {
		c.Info = func() InfoFacts { return InfoFacts{Memory: m, EvictionPolicy: "allkeys-lfu"} }
		c.Slabs = func() SlabFacts { return s }
	}}).dial()
}

func TestInfoMemoryTellsWhatMaxmemoryCountsAndWhatItDoesNot(t *testing.T) {
	c := memoryFixture(t, MemoryFacts{Used: 3 << 20, Peak: 4 << 20, Limit: 1 << 30, Runtime: 1 << 20, HeapObjects: 1000, RSS: 6 << 20, System: 1 << 34}, SlabFacts{})
	wantLines(t, c.do("INFO memory"), "used_memory:3145728", "used_memory_human:3.00M", "used_memory_rss:6291456", "used_memory_peak_human:4.00M",
		"used_memory_peak_perc:75.00%", "used_memory_dataset:3145728", "used_memory_overhead:1048576", "total_system_memory_human:16.00G",
		"maxmemory:1073741824", "maxmemory_human:1.00G", "maxmemory_policy:allkeys-lfu", "mem_fragmentation_ratio:1.50",
		"mem_fragmentation_bytes:2097152", "mem_not_counted_for_evict:1048576", "mem_allocator:go", "go_heap_objects:1000", "go_runtime:1048576")
}

func TestInfoMemoryOfAnEmptyNodeDividesByNothing(t *testing.T) {
	c := memoryFixture(t, MemoryFacts{}, SlabFacts{})
	wantLines(t, c.do("INFO memory"), "used_memory:0", "used_memory_human:0B", "used_memory_peak_perc:0.00%", "mem_fragmentation_ratio:0.00")
}

func TestMemoryStatsAddUp(t *testing.T) {
	c := memoryFixture(t, MemoryFacts{Used: 3000, Peak: 4000, Runtime: 1000, HeapObjects: 500, RSS: 6000}, SlabFacts{Held: 3500, Spare: 100, Pending: 400, Keys: 30})
	c.want("MEMORY STATS", "[peak.allocated :4000 total.allocated :3000 overhead.total :1000 keys.count :30 keys.bytes-per-key :100 dataset.bytes :3000"+
		" dataset.percentage 75 peak.percentage 75 slabs.held :3500 slabs.spare :100 slabs.pending :400 go.heap-objects :500 go.runtime :1000"+
		" fragmentation 1.5 fragmentation.bytes :2000]")
	if got := c.do("MEMORY MALLOC-STATS"); !strings.Contains(got, "slabs: pending                    400  400B") {
		t.Errorf("MALLOC-STATS: %q", got)
	}
}

func TestDoctorNamesWhatStandsOut(t *testing.T) {
	well := MemoryFacts{Used: 100 << 20, Peak: 110 << 20, Runtime: 10 << 20, RSS: 120 << 20, System: 1 << 30}
	for _, row := range []struct {
		name   string
		change func(*MemoryFacts, *SlabFacts)
		want   string
	}{
		{"all is well", func(*MemoryFacts, *SlabFacts) {}, "Nothing stands out"},
		{"empty", func(m *MemoryFacts, _ *SlabFacts) { m.Used = 1 << 20 }, "too few keys"},
		{"peak", func(m *MemoryFacts, _ *SlabFacts) { m.Peak = 200 << 20 }, " * Peak: keys took 200.00M once and take 100.00M now"},
		{"fragmentation", func(m *MemoryFacts, _ *SlabFacts) { m.RSS = 200 << 20 }, " * Fragmentation: the process takes 200.00M, 90.00M more"},
		{"pending", func(_ *MemoryFacts, s *SlabFacts) { s.Pending = 50 << 20 }, " * Pending: 50.00M"},
		{"full", func(m *MemoryFacts, _ *SlabFacts) { m.Limit = 101 << 20 }, " * Limit: keys take 100.00M of a maxmemory of 101.00M, with maxmemory-policy noeviction"},
		{"no limit", func(m *MemoryFacts, _ *SlabFacts) { m.System = 150 << 20 }, " * No limit: the process takes 120.00M of the machine's 150.00M"},
		{"limit over the machine", func(m *MemoryFacts, _ *SlabFacts) { m.Limit = 1 << 30 }, " * Limit: a maxmemory of 1.00G leaves too little"},
	} {
		m, s := well, SlabFacts{}
		row.change(&m, &s)
		if got := diagnose(&InfoFacts{Memory: m}, s); !strings.Contains(got, row.want) || strings.Count(got, "*") > 1 {
			t.Errorf("%s: got %q, want one finding with %q", row.name, got, row.want)
		}
	}
}

func TestMemoryPurgeAsksTheNode(t *testing.T) {
	purged := 0
	c := start(t, fixtureConfig{with: func(c *Config) { c.Purge = func() { purged++ } }}).dial()
	c.want("MEMORY PURGE", "+OK", "MEMORY PURGE x", "-ERR wrong number of arguments for 'memory|purge' command", "MEMORY NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try MEMORY HELP.")
	if purged != 1 {
		t.Errorf("purged %d times, want once", purged)
	}
	if got := c.do("MEMORY HELP"); !strings.Contains(got, "USAGE <key> [SAMPLES <count>]") {
		t.Errorf("MEMORY HELP: %q", got)
	}
}

// A key's size is the store's own, whether its write is committed or on its way.
func TestMemoryUsageIsTheStoresAccount(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	c.want("SET {a}key 0123456789012345678901234567890123456789012345678901234567890123", "+OK")
	used := f.replicas[0].store.UsedBytes()
	c.want("SET {a}key2 0123456789012345678901234567890123456789012345678901234567890123", "+OK")
	one := c.do("MEMORY USAGE {a}key")
	if one == ":0" || one == "(nil)" {
		t.Fatalf("got %s", one)
	}
	if got := c.do("MEMORY USAGE {a}key2"); got != one {
		t.Errorf("got %s, want %s: keys of one size", got, one)
	}
	if grown := f.replicas[0].store.UsedBytes() - used; grown > 200 {
		t.Errorf("the second key took %d bytes", grown)
	}
	c.want("MULTI", "+OK", "SET {a}new 0123456789012345678901234567890123456789012345678901234567890123", "+QUEUED", "MEMORY USAGE {a}new", "+QUEUED",
		"EXEC", "[+OK "+one+"]", "MEMORY USAGE {a}none", "(nil)")
}

func TestHitsAndMissesCountReadsWhereverTheyRun(t *testing.T) {
	f := start(t, fixtureConfig{with: func(c *Config) { c.Info = func() InfoFacts { return InfoFacts{Expired: 7, Evicted: 3} } }})
	c := f.dial()
	c.want("SET {a}1 x", "+OK", "GET {a}1", "x", "GET {a}2", "(nil)", "MGET {a}1 {a}2 {a}1", "[x (nil) x]", "EXISTS {a}1 {a}2", ":1", "TTL {a}1", ":-1", "INCR {a}n", ":1",
		"MULTI", "+OK", "GET {a}1", "+QUEUED", "GET {a}2", "+QUEUED", "SET {a}3 x", "+QUEUED", "EXEC", "[x (nil) +OK]", "WATCH {a}1 {a}2", "+OK", "UNWATCH", "+OK")
	wantLines(t, c.do("INFO stats"), "keyspace_hits:6", "keyspace_misses:4", "expired_keys:7", "evicted_keys:3")
	c.send("SET {a}4 x", "GET {a}4", "GET {a}5")
	for _, want := range []string{"+OK", "x", "(nil)"} {
		if got := c.recv(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	other := f.dial() // what one connection counted is there for all
	wantLines(t, other.do("INFO stats"), "keyspace_hits:7", "keyspace_misses:5")
	c.want("CONFIG RESETSTAT", "+OK")
	wantLines(t, c.do("INFO stats"), "keyspace_hits:0", "keyspace_misses:0", "expired_keys:0", "evicted_keys:0")
}
