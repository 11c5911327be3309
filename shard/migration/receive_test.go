package migration

import (
	"context"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/meta"
)

// What stands in the log every replica has to be able to apply: so what a stream brings is read before it is proposed.
func TestChunksThatMakeNoSenseAreRefusedAndStopNothing(t *testing.T) {
	w := newWorld(t)
	want := w.fill(200)
	later := entry.Attempt{Incarnation: 1 << 40, Counter: 1}
	item := func(key string, s slot.ID) []byte {
		return entry.AppendPart(nil, &entry.Part{Slot: s, Items: []entry.Item{{Key: []byte(key), Type: entry.TypeString}}})
	}
	here, there := w.key("a"), w.key("b")
	for i := 0; !half.Contains(here.slot) || half.Contains(there.slot); i++ {
		here, there = w.key(string(rune('a'+i))), w.key(string(rune('b'+i)))
	}
	var id uint64
	known := make(chan struct{})
	w.at(StepCopied, func(*replica) {
		<-known
		for name, c := range map[string]Chunk{
			"no parts at all":               {Attempt: later, Parts: []byte("garbage")},
			"a time before all times":       {Attempt: later, Time: -1},
			"a slot of another migration":   {Attempt: later, Parts: item(string(there.name), there.slot)},
			"a key of another slot":         {Attempt: later, Parts: item(string(there.name), here.slot)},
			"an attempt without its begin":  {Attempt: later, Sequence: 7, Parts: item(string(here.name), here.slot)},
			"an attempt that is far ahead":  {Attempt: w.attempt(), Sequence: 1 << 40},
			"a final chunk from the future": {Attempt: later, Sequence: 1, Final: true},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			s, err := w.Carry(ctx, Open{Migration: id, From: 1, To: 2})
			if err == nil {
				_, err = s.Recv()
			}
			if err != nil {
				t.Errorf("%s: no stream: %v", name, err)
			} else if err := s.Send(c); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if ack, err := s.Recv(); err == nil {
				t.Errorf("%s is acknowledged: %+v", name, ack)
			}
			cancel()
		}
	})
	id = w.start(1, 2, half)
	close(known)
	if m := w.ends(id, want); m.Phase != meta.MigrationCommitted {
		t.Errorf("the migration is %v: %s", m.Phase, m.Reason)
	}
}

// attempt is the one that the source makes.
func (w *world) attempt() entry.Attempt {
	for _, p := range w.groups[1].led().driver.Progress() {
		return p.Attempt
	}
	return entry.Attempt{}
}

func TestStreamIsTakenOnlyByTheLeaderOfTheTarget(t *testing.T) {
	w := newWorld(t)
	want := w.fill(100)
	id := uint64(1)
	w.at(StepCopied, func(*replica) {
		for _, r := range w.groups[2].replicas {
			_, serving := r.Serving()
			for name, c := range map[string]struct {
				open Open
				take bool
			}{
				"the migration":           {Open{Migration: id, From: 1, To: 2}, serving},
				"one from another source": {Open{Migration: id, From: 3, To: 2}, false},
				"one to another target":   {Open{Migration: id, From: 1, To: 3}, false},
				"one that never began":    {Open{Migration: id + 1, From: 1, To: 2}, false},
			} {
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				_, err := r.driver.awaitImport(ctx, c.open)
				if (err == nil) != c.take {
					t.Errorf("replica %s, serving %v, %s: %v", r.name, serving, name, err)
				}
			}
		}
	})
	if got := w.start(1, 2, half); got != id {
		t.Fatalf("migration %d", got)
	}
	w.ends(id, want)
}
