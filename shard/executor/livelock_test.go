package executor

import (
	"testing"

	"github.com/holtcache/holt/raftfsm/entry"
)

// anotherStart is the ExecutorStart of another node, as a later leader commits it.
func anotherStart(nonce uint64) []byte {
	return entry.EncodeExecutorStart(0, entry.ExecutorStart{Nonce: nonce, Node: "b"})
}

// A request without effects that finds its tenure over is evaluated again, but not in this one: the executor has to get
// round to what ended it. A panic stops the test where it would go on for ever.
func TestEffectFreeRequestDoesNotSpinWhenTheIncarnationEndsDuringItsEvaluation(t *testing.T) {
	for name, end := range map[string]func(b *bench){
		"another executor started": func(b *bench) { b.apply(2, anotherStart(7)) },
		"its batch was skipped": func(b *bench) {
			h := entry.PeekHeader(b.proposed[0].record)
			b.exec.Skipped(h)
		},
		"its batch was refused": func(b *bench) { b.fail(ErrRefused) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newLeader(t)
			write := b.set("k", "v")
			b.driver.Step() // proposed, and pending from here on
			evaluations := 0
			read := b.submit("k", func(tx *Tx) {
				if evaluations++; evaluations > 100 {
					panic("evaluated for ever")
				}
				tx.Get([]byte("k"))
				if evaluations == 1 {
					end(b)
				}
			})
			b.driver.Step()
			b.wantOpen("the read of a value that was dropped", read)
			if evaluations > 100 {
				t.Fatal("the request was evaluated for ever")
			}
			if !write.answered() {
				t.Error("the write whose batch is over has no answer")
			}
			b.serve()
			b.driver.Step()
			b.wantApplied("the read, after a new start", read)
		})
	}
}
