package node

import (
	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

// resultProto is the form in which the result of a meta command travels to the node that proposed it.
func resultProto(r meta.Result) *nodev1.ProposeMetaResponse {
	p := &nodev1.ProposeMetaResponse{Epoch: r.Epoch, Changed: r.Changed, DisplacedNodeIds: r.Displaced, MigrationIds: r.Migrations}
	for _, id := range r.Shards {
		p.ShardIds = append(p.ShardIds, uint64(id))
	}
	if r.Err != nil {
		p.Refusal = &nodev1.Refusal{Kind: apierr.KindOf(r.Err).String(), Message: r.Err.Error()}
	}
	return p
}

// resultFromProto is the inverse. A refusal of a kind that this build does not know is invalid.
func resultFromProto(p *nodev1.ProposeMetaResponse) meta.Result {
	r := meta.Result{Epoch: p.Epoch, Changed: p.Changed, Displaced: p.DisplacedNodeIds, Migrations: p.MigrationIds}
	for _, id := range p.ShardIds {
		r.Shards = append(r.Shards, slot.ShardID(id))
	}
	if p.Refusal != nil {
		kind, known := apierr.ByName(p.Refusal.Kind)
		if !known {
			kind = apierr.KindInvalid
		}
		r.Err = apierr.New(kind, "%s", p.Refusal.Message)
	}
	return r
}
