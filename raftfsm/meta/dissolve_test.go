package meta

import (
	"testing"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

func TestShardThatIsNeededIsNotDissolved(t *testing.T) {
	c := formedShards(t)
	c.must(emptyShardCommand(c.State().Epoch()))
	c.refuse(apierr.KindNotFound, "shard 0 does not exist", dissolveCommand(0))
	c.refuse(apierr.KindNotFound, "shard 5 does not exist", dissolveCommand(5))
	c.refuse(apierr.KindInvalid, "shard 4 is creating", dissolveCommand(4))
	c.refuse(apierr.KindInvalid, "shard 1 owns slots [0-5460]", dissolveCommand(1))
	c.must(formedCommand(4, 9))
	// As target, and as source of slots that have left it.
	id := c.start(move{1, 4, "0-5460"})
	c.refuse(apierr.KindInvalid, "takes part in migration 1", dissolveCommand(4))
	c.must(commitCommand(id))
	c.must(endCommand(id, sourceSide))
	c.refuse(apierr.KindInvalid, "takes part in migration 1", dissolveCommand(1))
	c.must(endCommand(id, targetSide))
	c.refuse(apierr.KindInvalid, "shard 4 owns slots", dissolveCommand(4))
	c.must(dissolveCommand(1))
}

func TestDissolvedShardNeverReturns(t *testing.T) {
	c := formedShards(t)
	c.must(emptyShardCommand(c.State().Epoch()))
	c.must(formedCommand(4, 9))
	if r := c.must(dissolveCommand(4)); !r.Changed || !c.State().Dissolved(4) {
		t.Fatalf("it is there: %+v", r)
	}
	if r := c.must(dissolveCommand(4)); r.Changed {
		t.Error("a repetition changed something")
	}
	restored := New()
	if err := restored.Restore(c.Snapshot()); err != nil {
		t.Fatal(err)
	}
	c.Machine = restored
	if r := c.must(emptyShardCommand(c.State().Epoch())); r.Shards[0] != 5 {
		t.Errorf("the next shard is %d, want 5", r.Shards[0])
	}
	s := c.State()
	for id, want := range map[uint64]bool{0: false, 1: false, 4: true, 5: false, 6: false} {
		if got := s.Dissolved(slot.ShardID(id)); got != want {
			t.Errorf("shard %d: dissolved %v, want %v", id, got, want)
		}
	}
	c.refuse(apierr.KindNotFound, "shard 4 does not exist", formedCommand(4, 10))
	c.refuse(apierr.KindNotFound, "shard 4 does not exist", startCommand(s.Epoch(), move{1, 4, "0"}))
	// What it took part in is shown still.
	id := c.start(move{1, 2, "0-5460"})
	c.must(commitCommand(id))
	c.must(endCommand(id, sourceSide))
	c.must(endCommand(id, targetSide))
	c.must(dissolveCommand(1))
	if ended := c.State().EndedMigrations(); len(ended) != 1 || ended[0].From != 1 {
		t.Errorf("ended are %+v", ended)
	}
	if err := New().Restore(c.Snapshot()); err != nil {
		t.Error(err)
	}
}
