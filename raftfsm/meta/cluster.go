package meta

import (
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// initCluster begins the cluster, once. The proposer draws a fresh id for each attempt, so the same id is the same
// attempt and may be repeated.
func (v *values) initCluster(c *storagev1.InitCluster, r *Result) error {
	if v.clusterID != "" {
		if v.clusterID == c.ClusterId {
			return nil
		}
		return apierr.New(apierr.KindExists, "this node belongs to cluster %s already; not applied, use an empty data folder for a new cluster", v.clusterID)
	}
	if err := checkID("cluster id", c.ClusterId); err != nil {
		return err
	}
	settings := SettingsFromProto(c.Settings)
	if err := settings.Check(); err != nil {
		return err
	}
	if err := settings.checkBeginning(); err != nil {
		return err
	}
	first := c.FirstNode
	if first == nil {
		return apierr.New(apierr.KindInvalid, "cluster init: no first node; not applied")
	}
	if err := v.registerNode(first, r); err != nil {
		return err
	}
	v.clusterID, v.createdMs, v.settings, v.hashSeed = c.ClusterId, c.CreatedMs, settings, c.HashSeed
	v.nextShard = 1
	v.metaVoters = []string{first.Id}
	r.Changed = true
	return nil
}

// setMetaVoters notes the voters of the meta group. It decides nothing: the group's own configuration does.
func (v *values) setMetaVoters(c *storagev1.SetMetaVoters, r *Result) error {
	voters := slices.Sorted(slices.Values(c.Voters))
	switch {
	case slices.Equal(v.metaVoters, voters):
		return nil
	case !slices.Equal(v.metaVoters, c.Expected):
		return apierr.New(apierr.KindInvalid, "meta group: the voters are %v, not %v as expected; not applied, plan again", v.metaVoters, c.Expected)
	case len(voters) == 0:
		return apierr.New(apierr.KindInvalid, "meta group: no voters given; not applied")
	case len(slices.Compact(slices.Clone(voters))) != len(voters):
		return apierr.New(apierr.KindInvalid, "meta group: %v names a node twice; not applied", voters)
	}
	for _, id := range voters {
		if !v.isRegistered(id) {
			return apierr.New(apierr.KindNotFound, "meta group: voter %s is not registered; not applied, see holt cluster nodes", id)
		}
	}
	v.metaVoters = voters
	r.Changed = true
	return nil
}
