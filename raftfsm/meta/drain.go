package meta

import (
	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// setNodeDraining notes whether a node is to give up all that it holds. It stays so, whatever the node registers, until
// somebody says otherwise or the node is removed.
func (v *values) setNodeDraining(c *storagev1.SetNodeDraining, r *Result) error {
	i, known := v.findNode(c.Id)
	switch {
	case !known || v.nodes[i].Phase != NodeRegistered:
		return apierr.New(apierr.KindNotFound, "node %.100q is not registered; not applied, see holt cluster nodes", c.Id)
	case v.nodes[i].Draining == c.Draining:
		return nil
	}
	node := v.nodes[i]
	node.Draining = c.Draining
	v.putNode(node)
	r.Changed = true
	return nil
}

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
