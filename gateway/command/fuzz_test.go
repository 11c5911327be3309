package command

import (
	"bytes"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/ops/opstest"
)

// Whatever the arguments: no panic, no change by Parse or by a call that answers with an error, the same keys from the
// table as from the call, and no key or value over its limit. memTx.run checks all but the last.
func FuzzCommandsNeverBreakTheirPromises(f *testing.F) {
	for line := range strings.Lines(directed) {
		if line = strings.TrimSuffix(line, "\n"); line != "" && line[0] != '#' {
			f.Add([]byte(strings.Join(words(line), "\x00")))
		}
	}
	limits := Limits{KeyBytesMax: 16, ValueBytesMax: 8192}
	table := NewTable(limits)
	f.Fuzz(func(t *testing.T, input []byte) {
		tx := newMemTx(func() int64 { return 1_700_000_000_000 })
		tx.Put("list", opstest.OtherItem)
		for _, setUp := range []string{"set k 41", "set n 1.5 ex 100", "append a " + strings.Repeat("v", 5000), "hset h f v n 1"} {
			if _, err := tx.run(table, strings.Fields(setUp)...); err != nil {
				t.Fatal(err)
			}
		}
		for line := range bytes.SplitSeq(input, []byte("\n")) {
			args := strings.Split(string(line), "\x00")
			if spec, err := table.Lookup(command(args...)); err == nil && spec.Parse == nil && spec.Parent != "command" {
				spec.Keys(command(args...))
				continue
			}
			if _, err := tx.run(table, args...); err != nil {
				t.Error(err)
			}
		}
		for key, item := range tx.Items {
			if len(key) > limits.KeyBytesMax || len(item.Value) > limits.ValueBytesMax && !item.Type.HasFields() {
				t.Errorf("key of %d bytes, value of %d bytes are over their limits", len(key), len(item.Value))
			}
		}
	})
}
