package meta

import (
	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
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
