package node

import (
	"fmt"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// do runs one command at one node.
func do(t *testing.T, n *Node, args ...any) string {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: n.Addresses().RESP, Protocol: 2, MaxRetries: -1})
	defer c.Close()
	got, err := c.Do(t.Context(), args...).Result()
	if err != nil {
		return "-" + err.Error()
	}
	return fmt.Sprint(got)
}

func words(command string) []any {
	var args []any
	for _, word := range strings.Fields(command) {
		args = append(args, strings.ReplaceAll(word, "_", " "))
	}
	return args
}

// The whole way of a setting: CONFIG SET at one node, the meta group, every node, the executor, INFO.
func TestSettingsOfConfigSetHoldOnEveryNode(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 3)
	const lfu = "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"
	for command, want := range map[string]string{
		"CONFIG SET maxmemory-policy lfu":                      "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy') - " + lfu,
		"CONFIG SET maxmemory-samples 0":                       "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-samples') - argument must be between 1 and 64 inclusive",
		"CONFIG SET maxmemory 10%":                             "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
		"CONFIG SET maxmemory-policy allkeys-lfu maxmemory x":  "-ERR CONFIG SET failed (possibly related to argument 'maxmemory') - argument must be a memory value",
		"CONFIG SET lfu-log-factor 0 save 60":                  "-ERR CONFIG SET failed (possibly related to argument 'save') - Invalid save parameters",
		"CONFIG SET appendfsync sometimes":                     "-ERR CONFIG SET failed (possibly related to argument 'appendfsync') - argument(s) must be one of the following: everysec, always, no",
		"CONFIG SET maxmemory-policy allkeys-lfu heartbeat 2s": "-ERR CONFIG SET failed (possibly related to argument 'heartbeat') - can't set immutable config",
		"CONFIG GET maxmemory maxmemory-policy lfu-log-factor": "[lfu-log-factor 10 maxmemory 0 maxmemory-policy noeviction]",
		"CONFIG GET appendfsync save lfu-decay-time":           "[appendfsync always lfu-decay-time 1 save 3600 1]",
		"CONFIG SET heartbeat 1s":                              "OK", // what it is
		"CONFIG GET migration-rate node-dead-after":            "[migration-rate 67108864 node-dead-after 5m0s]",
		"CONFIG SET migration-rate fast":                       "-ERR CONFIG SET failed (possibly related to argument 'migration-rate') - argument must be a memory value",
	} {
		if got := do(t, nodes[1], words(command)...); got != want {
			t.Errorf("%s: got %s, want %s", command, got, want)
		}
	}
	if got := do(t, nodes[1], words("CONFIG SET maxmemory 300mb maxmemory-policy allkeys-LFU maxmemory-samples 7 appendfsync everysec lfu-decay-time 0 save 900_1_60_100 migration-rate 32mb node-dead-after 90s")...); got != "OK" {
		t.Fatal(got)
	}
	const want = "[appendfsync everysec lfu-decay-time 0 maxmemory-policy allkeys-lfu maxmemory-samples 7 migration-rate 33554432 node-dead-after 1m30s save 900 1 60 100]"
	for _, n := range nodes {
		await(t, "node "+n.ID()[:8]+" goes by the settings", func() bool {
			return do(t, n, words("CONFIG GET appendfsync maxmemory-policy maxmemory-samples lfu-decay-time save migration-rate node-dead-after")...) == want
		})
		if got, want := do(t, n, words("CONFIG GET maxmemory")...), map[bool]string{true: "[maxmemory 314572800]", false: "[maxmemory 0]"}[n == nodes[1]]; got != want {
			t.Errorf("node %s: got %s, want %s", n.ID()[:8], got, want)
		}
	}
	info := do(t, nodes[1], words("INFO memory persistence")...)
	for _, line := range []string{"maxmemory:314572800", "maxmemory_human:300.00M", "maxmemory_policy:allkeys-lfu", "appendfsync:everysec"} {
		if !strings.Contains(info, line+"\r\n") {
			t.Errorf("INFO lacks %s:\n%s", line, info)
		}
	}
	c := clientOf(t, nodes)
	set(t, c, "key", 1)
	if freq, err := c.ObjectFreq(t.Context(), "key").Result(); err != nil {
		t.Errorf("OBJECT FREQ under an LFU policy: %d, %v", freq, err)
	}
	h := nodes[0].host.Load()
	for _, s := range h.State().Shards() {
		if got := h.State().Budget(s.ID); got != 100<<20 {
			t.Errorf("shard %d: a budget of %d, want a third of 300 MiB", s.ID, got)
		}
	}
}

// The memory that INFO and MEMORY tell of is the process' and the stores' own.
func TestMemoryThatIsToldOfIsThere(t *testing.T) {
	t.Parallel()
	nodes := openCluster(t, 1)
	c := clientOf(t, nodes)
	set(t, c, "key", 1)
	before := nodes[0].memory()
	if before.Used <= 0 || before.Peak < before.Used || before.Runtime <= before.HeapObjects || before.HeapObjects <= 0 || before.RSS < 1<<20 || before.System < before.RSS {
		t.Errorf("got %+v", before)
	}
	if slabs := nodes[0].slabs(); slabs.Keys != 1 || slabs.Held < before.Used/2 {
		t.Errorf("slabs: %+v", slabs)
	}
	if err := c.Del(t.Context(), "key").Err(); err != nil {
		t.Fatal(err)
	}
	if after := nodes[0].memory(); after.Used != 0 || after.Peak < before.Peak {
		t.Errorf("without keys: %+v", after)
	}
	if got := do(t, nodes[0], "MEMORY", "PURGE"); got != "OK" {
		t.Error(got)
	}
	settings, err := admin0(t, nodes[0]).Settings(t.Context())
	if err != nil || len(settings) < 10 {
		t.Errorf("settings: %v, %v", settings, err)
	}
}
