package host

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/holtcache/holt/raftfsm"
)

const (
	// lastSaveMax bounds what a stop waits for: the log has everything anyhow.
	lastSaveMax = 3 * time.Second
	// lastSaveBytes is how large the stores may be in all that a stop saves, about half of what it can write in that time.
	lastSaveBytes = 64 << 20
)

// SaveLast writes snapshots before the node stops, so that its next start loads them instead of replaying the log, which
// takes processors from whoever else is on the machine. It saves small stores first, and as many as a stop can wait for;
// large ones are left to the log. It returns early when ctx ends.
func (h *Host) SaveLast(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastSaveMax)
	defer cancel()
	if ctx.Err() != nil || h.beginSaving(func() {}) != nil {
		return
	}
	defer h.endSaving()
	replicas := h.Replicas()
	sizes := make([]int64, len(replicas))
	for i, r := range replicas {
		sizes[i] = r.LastSave()
	}
	for _, i := range lastSaves(sizes) {
		if err := replicas[i].Save(ctx, raftfsm.PaceBackground); err != nil {
			h.cfg.Logger.Info("no snapshot was taken before stopping: the next start replays the log", "shard", replicas[i].Group(), "err", err)
		}
	}
}

// lastSaves says which stores are saved before a stop, the smallest first; the size of one that is not worth it is 0.
func lastSaves(sizes []int64) (chosen []int) {
	for i, size := range sizes {
		if size > 0 {
			chosen = append(chosen, i)
		}
	}
	slices.SortStableFunc(chosen, func(a, b int) int { return cmp.Compare(sizes[a], sizes[b]) })
	sum := int64(0)
	for n, i := range chosen {
		if sum += sizes[i]; sum > lastSaveBytes {
			return chosen[:n]
		}
	}
	return chosen
}
