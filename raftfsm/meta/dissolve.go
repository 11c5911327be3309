package meta

import (
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Dissolved tells whether there was a shard of that id once and is no more: its replicas have nothing left to do.
func (s *State) Dissolved(id slot.ShardID) bool { return s.isDissolved(id) }

// dissolveShard takes out a shard that serves nothing. A repetition changes nothing.
func (v *values) dissolveShard(c *storagev1.DissolveShard, r *Result) error {
	id := slot.ShardID(c.Id)
	if v.isDissolved(id) {
		return nil
	}
	shard, err := v.moveShard(c.Id, shardIsDissolved)
	switch {
	case err != nil:
		return err
	case len(shard.Ranges) > 0:
		return apierr.New(apierr.KindInvalid, "shard %d owns slots %v; not applied, move them to other shards first", id, shard.Ranges)
	}
	for _, m := range v.migrations {
		if m.From == id || m.To == id {
			return apierr.New(apierr.KindInvalid, "shard %d takes part in migration %d, which has not ended; not applied, wait", id, m.ID)
		}
	}
	v.deleteShard(id)
	r.Changed = true
	return nil
}

func (v *values) isDissolved(id slot.ShardID) bool {
	_, known := v.findShard(id)
	return id > 0 && id < v.nextShard && !known
}

// deleteShard takes the shard of that id out of a copy of the list.
func (v *values) deleteShard(id slot.ShardID) {
	i, _ := v.findShard(id)
	v.shards = slices.Delete(slices.Clone(v.shards), i, i+1)
}
