package host

import (
	"context"
	"sync"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/meta"
)

const (
	// versionAskMax bounds the question what a node knows: shorter than whoever proposes a command waits for the leader.
	versionAskMax = time.Second
	// versionsAskedAtOnce bounds how many nodes are asked at a time.
	versionsAskedAtOnce = 64
)

// SupportedByAll returns nil where every node of the cluster evaluates meta commands of a version, and knows what a build of that
// version writes into the logs of shards; otherwise an *apierr.Error that names a node that does not, or cannot be asked.
//
// Once such a command has changed the state that is certain: whoever does not know it has stopped. Until then the nodes are
// asked, each time.
func (h *Host) SupportedByAll(ctx context.Context, version uint32) error {
	state := h.State()
	if version <= state.CommandVersion() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, versionAskMax)
	defer cancel()
	nodes := state.Nodes()
	answers := make([]error, len(nodes))
	turns := make(chan struct{}, versionsAskedAtOnce)
	var asked sync.WaitGroup
	for i, n := range nodes {
		if n.ID == h.cfg.Self.ID {
			if version > meta.CommandVersion {
				answers[i] = olderBuild(n, meta.CommandVersion, version)
			}
			continue
		}
		turns <- struct{}{}
		asked.Go(func() {
			defer func() { <-turns }()
			answers[i] = h.supportedBy(ctx, n, version)
		})
	}
	asked.Wait()
	for _, err := range answers {
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *Host) supportedBy(ctx context.Context, n meta.Node, version uint32) error {
	known, err := h.cfg.Nodes.CommandVersion(ctx, n.ID)
	switch {
	case err != nil:
		return apierr.New(apierr.KindUnsupported, "node %s cannot be asked whether its build knows this (command version %d): %w; not applied: start it, or remove it from the cluster", n.ID, version, err)
	case known < version:
		return olderBuild(n, known, version)
	}
	return nil
}

func olderBuild(n meta.Node, known, version uint32) error {
	return apierr.New(apierr.KindUnsupported, "node %s runs an older build (%q), which knows commands up to version %d, this is of version %d; not applied: upgrade all nodes first", n.ID, n.Version, known, version)
}
