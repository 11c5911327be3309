package meta

import (
	"fmt"
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// Rebalance is a rebalance that was asked for, and goes on until it is done or ended. How far it has come is in the shards and
// migrations themselves.
type Rebalance struct {
	// Measures are by what shards are compared, in ascending order. Invariant: at least one, each once.
	Measures []BalanceMeasure
	// Shards is how many there are to be; 0 means as many as there are nodes, and not less than the setting.
	Shards int
	// StartedMs is when it was asked for, in milliseconds since the Unix epoch, by the clock of who did; it tells one rebalance
	// from the next.
	StartedMs int64
	// LastMigration is the migration that had begun last when it was asked for, 0 where none ever had; those with higher ids have
	// begun since.
	LastMigration uint64
}

// BalanceMeasure is by what shards are compared. The zero value is none.
type BalanceMeasure uint8

const (
	// MeasureSlots counts slots.
	MeasureSlots = BalanceMeasure(storagev1.BalanceMeasure_BALANCE_MEASURE_SLOTS)
	// MeasureBytes is the memory that keys take.
	MeasureBytes = BalanceMeasure(storagev1.BalanceMeasure_BALANCE_MEASURE_BYTES)
	// MeasureRequests is the rate of requests.
	MeasureRequests = BalanceMeasure(storagev1.BalanceMeasure_BALANCE_MEASURE_REQUESTS)
)

// Rebalance is the one that runs; false where none does.
func (s *State) Rebalance() (Rebalance, bool) {
	if s.rebalance == nil {
		return Rebalance{}, false
	}
	return *s.rebalance, true
}

// StartRebalance is the command that asks for a rebalance.
func StartRebalance(r Rebalance) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetRebalance{SetRebalance: &storagev1.SetRebalance{Rebalance: r.proto()}}}
}

// EndRebalance is the command that ends the rebalance that was asked for at that time, or with 0 whichever runs.
func EndRebalance(startedMs int64) *storagev1.MetaCommand {
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_SetRebalance{SetRebalance: &storagev1.SetRebalance{ExpectedStartedMs: startedMs}}}
}

// setRebalance asks for a rebalance or ends one. The end of one that does not run any more changes nothing.
func (v *values) setRebalance(c *storagev1.SetRebalance, r *Result) error {
	if c.Rebalance == nil {
		if v.rebalance == nil || c.ExpectedStartedMs != 0 && c.ExpectedStartedMs != v.rebalance.StartedMs {
			return nil
		}
		v.rebalance, r.Changed = nil, true
		return nil
	}
	wanted := rebalanceFromProto(c.Rebalance)
	switch {
	case wanted.LastMigration > v.lastMigration:
		return apierr.New(apierr.KindInvalid, "rebalance: migration %d has not begun; not applied", wanted.LastMigration)
	case len(v.shards) == 0:
		return apierr.New(apierr.KindInvalid, "rebalance: there are no shards yet; not applied, wait until the cluster has begun")
	case wanted.Shards > ShardsMax:
		return apierr.New(apierr.KindTooLarge, "rebalance: %d shards are over the limit of %d; not applied, use fewer", wanted.Shards, ShardsMax)
	}
	if err := wanted.check(); err != nil {
		return apierr.New(apierr.KindInvalid, "rebalance: %w; not applied", err)
	}
	v.rebalance, r.Changed = wanted, true
	return nil
}

// check tells what no rebalance can be.
func (r *Rebalance) check() error {
	switch {
	case r.Shards < 0 || r.Shards > ShardsMax:
		return fmt.Errorf("%d shards are over the limit of %d", r.Shards, ShardsMax)
	case r.StartedMs == 0:
		return fmt.Errorf("it has no time at which it was asked for")
	case len(r.Measures) == 0 || r.Measures[0] < MeasureSlots || r.Measures[len(r.Measures)-1] > MeasureRequests:
		return fmt.Errorf("it is by %v, which are none or not known to this build", r.Measures)
	case !slices.IsSorted(r.Measures) || len(slices.Compact(slices.Clone(r.Measures))) != len(r.Measures):
		return fmt.Errorf("it is by %v, which are not in ascending order", r.Measures)
	}
	return nil
}

func (r *Rebalance) proto() *storagev1.MetaRebalance {
	if r == nil {
		return nil
	}
	p := &storagev1.MetaRebalance{Shards: uint32(r.Shards), StartedMs: r.StartedMs, LastMigrationId: r.LastMigration}
	for _, m := range r.Measures {
		p.Measures = append(p.Measures, storagev1.BalanceMeasure(m))
	}
	return p
}

func rebalanceFromProto(p *storagev1.MetaRebalance) *Rebalance {
	if p == nil {
		return nil
	}
	r := &Rebalance{Shards: int(min(p.Shards, ShardsMax+1)), StartedMs: p.StartedMs, LastMigration: p.LastMigrationId}
	for _, m := range p.Measures {
		r.Measures = append(r.Measures, enumFromProto[BalanceMeasure](m))
	}
	return r
}
