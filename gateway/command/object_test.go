package command

import (
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// What eviction knows of a key is shown by the policy that keeps it; the other question is refused with Redis' text.
func TestObjectTellsWhatThePolicyKeeps(t *testing.T) {
	table := NewTable(Limits{})
	m := newMemTx(func() int64 { return 1000 })
	m.Set([]byte("k"), []byte("value"), entry.TypeString, 0)
	ask := func(args ...string) string {
		t.Helper()
		spec, err := table.Lookup(command(args...))
		if err != nil {
			t.Fatal(err)
		}
		call, err := spec.Parse(command(args...))
		if err != nil {
			return "-" + apierr.Of(err).RESP()
		}
		return show(call.Read(m))
	}
	const adjust = "Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust."
	for _, row := range []struct {
		usage      store.Usage
		freq, idle string
	}{
		{store.Usage{Idle: 130 * time.Second}, "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. " + adjust, "130"},
		{store.Usage{Frequency: true, Freq: 7}, "7", "-ERR An LFU maxmemory policy is selected, idle time not tracked. " + adjust},
	} {
		m.Facts = row.usage
		for args, want := range map[string]string{
			"OBJECT FREQ k": row.freq, "OBJECT IDLETIME k": row.idle, "OBJECT FREQ none": "null", "OBJECT IDLETIME none": "null",
			"OBJECT REFCOUNT k": "1", "OBJECT ENCODING none": "null", "MEMORY USAGE none": "null",
			"MEMORY USAGE k": "70", "MEMORY USAGE k SAMPLES 0": "70", "memory usage k samples 5 SAMPLES 1": "70",
			"MEMORY USAGE k SAMPLES": "-ERR syntax error", "MEMORY USAGE k SAMPLES -1": "-ERR syntax error",
			"MEMORY USAGE k 5": "-ERR syntax error", "MEMORY USAGE k SAMPLES x": "-ERR value is not an integer or out of range",
		} {
			if got := ask(strings.Fields(args)...); got != want {
				t.Errorf("%s: got %s, want %s", args, got, want)
			}
		}
	}
}
