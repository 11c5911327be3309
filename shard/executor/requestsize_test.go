package executor

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
)

// What one request changes is in one log entry, and in one message where its slot is handed over: neither takes any length.
func TestRequestThatIsTooLargeForAMessageIsRefusedAndChangesNothing(t *testing.T) {
	const limit = 10_000
	value := func(n int) []byte { return []byte(strings.Repeat("v", n)) }
	set := func(tx *Tx, key string, n int) { tx.Set([]byte(key), value(n), entry.TypeString, 0) }
	for _, c := range []struct {
		what    string
		do      func(tx *Tx)
		refused bool
	}{
		{"one value under the limit", func(tx *Tx) { set(tx, "{k}1", limit-200) }, false},
		{"one value over the limit", func(tx *Tx) { set(tx, "{k}1", limit) }, true},
		{"two values that are too large together", func(tx *Tx) { set(tx, "{k}1", limit/2); set(tx, "{k}2", limit/2) }, true},
		{"a value that is written twice", func(tx *Tx) { set(tx, "{k}1", limit/2); set(tx, "{k}1", limit/2) }, false},
		{"a value that is deleted again", func(tx *Tx) { set(tx, "{k}1", limit/2); tx.Delete([]byte("{k}1")); set(tx, "{k}2", limit/2) }, false},
		{"values that are flushed", func(tx *Tx) {
			set(tx, "{k}1", limit/2)
			tx.Flush([]slot.Range{{First: 0, Last: slot.Count - 1}})
			set(tx, "{k}2", limit/2)
		}, false},
		{"parts of a value that was there", func(tx *Tx) {
			for i := range 20 {
				tx.Patch([]byte("{k}old"), 100*i, value(100))
			}
		}, false},
		{"expiries of a value that was there", func(tx *Tx) {
			for i := range 20 {
				tx.Expire([]byte("{k}old"), tx.Now()+int64(i)+1000)
			}
		}, false},
		{"parts that are too large together", func(tx *Tx) {
			for range 10 {
				tx.Patch([]byte("{k}old"), 0, value(limit/10))
			}
		}, true},
		{"small values that are made large", func(tx *Tx) {
			for i := range 10 {
				set(tx, fmt.Sprint("{k}", i), 1)
				tx.Patch(fmt.Append(nil, "{k}", i), limit/10, value(1))
			}
		}, true},
		{"many small keys", func(tx *Tx) {
			for i := range limit / 50 {
				set(tx, fmt.Sprint("{k}", i), 0)
			}
		}, true},
	} {
		b := newLeader(t, func(c *Config) { c.Limits.RequestBytes = limit })
		old := b.set("{k}old", string(value(limit/2)))
		b.driver.Step()
		b.commitAll()
		b.wantApplied("the value that is there", old)
		before := b.exec.version
		a := b.submit("{k}", c.do)
		b.driver.Step()
		longest := b.longest()
		b.commitAll()
		if !c.refused {
			b.wantApplied(c.what, a)
			if longest > limit+200 {
				t.Errorf("%s: a record has %d bytes, the limit is %d", c.what, longest, limit)
			}
			continue
		}
		b.wantKind(c.what, a, apierr.KindTooLarge)
		if a.Err != nil && (a.Err.Result() != apierr.OutcomeNotApplied || !strings.Contains(a.Err.Error(), "limit RequestBytes")) {
			t.Errorf("%s: %v", c.what, a.Err)
		}
		if b.exec.version != before || b.store.Len() != 1 || longest != 0 {
			t.Errorf("%s: it was refused and has changed something: version %d, was %d; %d keys, a record of %d bytes", c.what, b.exec.version, before, b.store.Len(), longest)
		}
	}
}

// Patches that are small by themselves become the whole value behind a SET in the same batch.
func TestLargePatchesDoNotJoinTheBatchOfSmallSets(t *testing.T) {
	const limit = 10_000
	b := newLeader(t, func(c *Config) { c.Limits.RequestBytes = limit })
	var sets []*asked
	for i := range 5 {
		sets = append(sets, b.set(fmt.Sprint("{k}", i), "v"))
	}
	patches := b.submit("{k}", func(tx *Tx) {
		for i := range 5 {
			tx.Patch(fmt.Append(nil, "{k}", i), limit/3, []byte("x"))
		}
	})
	b.driver.Step()
	if got := b.longest(); got > limit {
		t.Errorf("a record has %d bytes, want at most %d", got, limit)
	}
	b.commitAll()
	b.driver.Step()
	b.commitAll()
	for _, a := range append(sets, patches) {
		b.wantApplied("a write", a)
	}
	if got := b.stored("{k}4"); len(got) != limit/3+1 {
		t.Errorf("a value has %d bytes, want %d", len(got), limit/3+1)
	}
}

// longest is how long the longest record is that was proposed.
func (b *bench) longest() int {
	lengths := []int{0}
	for _, f := range b.proposed {
		lengths = append(lengths, len(f.record))
	}
	return slices.Max(lengths)
}
