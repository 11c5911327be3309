package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/raftfsm/meta"
)

const (
	joinTimeout = 5 * time.Second
	joinPause   = 200 * time.Millisecond
)

// joinCluster asks the nodes named by --join, in turn and for as long as it takes, to let this node in. A node that
// belongs already asks too: it learns where the others are now.
func (n *Node) joinCluster(ctx context.Context) {
	told := ""
	addrs := slices.Clone(n.cfg.Join)
	for next := 0; ctx.Err() == nil && len(addrs) > 0; next++ {
		addr := addrs[next%len(addrs)]
		err := n.joinAt(ctx, addr)
		if err == nil {
			return
		}
		if errors.Is(err, errSelf) { // one list for all nodes is a good habit
			addrs = slices.DeleteFunc(addrs, func(a string) bool { return a == addr })
			continue
		}
		if text := err.Error(); text != told && ctx.Err() == nil {
			told = text
			if apierr.KindOf(err) == apierr.KindInvalid {
				n.log.Error("the cluster refuses this node; stop it and follow the message", "addr", addr, "err", err)
			} else {
				n.log.Info("not joined yet; trying on", "addr", addr, "err", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(joinPause):
		}
	}
}

// errSelf says that an address to join at is this node's own.
var errSelf = errors.New("this is the node itself")

// joinAt asks one node to let this one in, which then belongs to that node's cluster.
func (n *Node) joinAt(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	client, err := n.nodes.at(addr)
	if err != nil {
		return err
	}
	reply, err := client.Join(ctx, &nodev1.JoinRequest{Node: nodeInfo(n.self()), ClusterId: n.folder.ClusterID(), CommandVersion: meta.CommandVersion})
	if err != nil {
		return readOnly(fromStatus(err, true)) // a registration may be repeated
	}
	if len(reply.Nodes) > 0 && reply.Nodes[0].GetId() == n.folder.NodeID() {
		return errSelf
	}
	n.begin.Lock()
	defer n.begin.Unlock()
	if own := n.folder.ClusterID(); own != "" && own != reply.ClusterId {
		return fmt.Errorf("this node has become one of cluster %s meanwhile, the node at %s is of cluster %s; stop it, and start it on an empty folder to join that one", own, addr, reply.ClusterId)
	}
	for _, info := range reply.Nodes {
		n.book.Note(nodeOf(info))
	}
	if n.host.Load() != nil {
		return nil
	}
	if n.folder.ClusterID() == "" { // before the node belongs: from then on its replicas may be opened
		if err := n.folder.SetHashSeed(reply.HashSeed); err != nil {
			return err
		}
	}
	if n.folder.ClusterID() == "" {
		n.access.LetNobodyIn() // until it knows who may
	}
	if err := n.folder.Belong(reply.ClusterId, settingsOf(reply.Settings).Proto(), false); err != nil {
		return err
	}
	n.log.Info("joined", "cluster", reply.ClusterId, "by", addr)
	return n.openHost(n.ctx)
}
