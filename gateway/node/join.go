package node

import (
	"context"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
)

const (
	joinTimeout = 5 * time.Second
	joinPause   = 200 * time.Millisecond
)

// joinCluster asks the nodes named by --join, in turn and for as long as it takes, to let this node in. A node that
// belongs already asks too: it learns where the others are now.
func (n *Node) joinCluster(ctx context.Context) {
	told := ""
	for next := 0; ctx.Err() == nil; next++ {
		addr := n.cfg.Join[next%len(n.cfg.Join)]
		err := n.joinAt(ctx, addr)
		if err == nil {
			return
		}
		if text := err.Error(); text != told && ctx.Err() == nil {
			told = text
			n.log.Info("not joined yet; trying on", "addr", addr, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(joinPause):
		}
	}
}

func (n *Node) joinAt(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	client, err := n.nodes.at(addr)
	if err != nil {
		return err
	}
	reply, err := client.Join(ctx, &nodev1.JoinRequest{Node: nodeInfo(n.self()), ClusterId: n.folder.ClusterID()})
	if err != nil {
		err := fromStatus(err)
		if apierr.KindOf(err) == apierr.KindInvalid {
			n.log.Error("the cluster refuses this node; stop it and follow the message", "addr", addr, "err", err)
		}
		return err
	}
	for _, info := range reply.Nodes {
		n.book.Note(nodeOf(info))
	}
	n.begin.Lock()
	defer n.begin.Unlock()
	if n.host.Load() != nil {
		return nil
	}
	if err := n.folder.Belong(reply.ClusterId, settingsOf(reply.Settings).Proto(), false); err != nil {
		return err
	}
	n.log.Info("joined", "cluster", reply.ClusterId, "by", addr)
	return n.openHost()
}
