package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
)

// lonely is a node of a cluster of which it has heard nothing since its start.
func lonely(t *testing.T) *Node {
	t.Helper()
	dir := t.TempDir()
	f, err := host.OpenFolder(host.FolderConfig{Dir: dir, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	settings := meta.DefaultSettings()
	settings.ExpectNodes, settings.LeaseMax = 3, 500*time.Millisecond
	if err := f.Belong("c1", settings.Proto(), false); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, Config{Dir: dir})
}

func joining(id string) *nodev1.NodeInfo {
	return &nodev1.NodeInfo{Id: id, StartCount: 1, Addresses: &clusterv1.Addresses{Resp: "h:1", Grpc: "h:2", Cluster: "h:3", Gossip: "h:4", Http: "h:5"}}
}

// A new node takes the settings that it is told for good, lease times among them. One that does not know them yet must
// not make them up; a node that comes back has them, and is told where others are.
func TestOnlyANodeThatKnowsTheSettingsLetsNewOnesIn(t *testing.T) {
	n := lonely(t)
	s := &nodeService{n: n}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.Join(ctx, &nodev1.JoinRequest{Node: joining("new")}); apierr.KindOf(fromStatus(err, true)) != apierr.KindLoading {
		t.Errorf("a new node was answered %v", err)
	}
	if _, known := n.book.Node("new"); known {
		t.Error("a node that was not let in is remembered")
	}
	reply, err := s.Join(ctx, &nodev1.JoinRequest{Node: joining("old"), ClusterId: "c1"})
	if err != nil || reply.Nodes[0].Id != n.ID() {
		t.Errorf("a node that comes back was answered %v, %v", reply, err)
	}
	if _, known := n.book.Node("old"); !known {
		t.Error("the new address of a node that comes back is not remembered")
	}
}

func TestNodeServiceRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	n := openCluster(t, 1)[0]
	s := &nodeService{n: n}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	huge := strings.Repeat("x", 1<<20)
	for what, call := range map[string]func() error{
		"join without a node": func() error { _, err := s.Join(ctx, &nodev1.JoinRequest{}); return err },
		"join without an id": func() error {
			_, err := s.Join(ctx, &nodev1.JoinRequest{Node: joining("")})
			return err
		},
		"join under a huge id": func() error {
			_, err := s.Join(ctx, &nodev1.JoinRequest{Node: joining(huge)})
			return err
		},
		"join of another cluster's node": func() error {
			_, err := s.Join(ctx, &nodev1.JoinRequest{Node: joining("x"), ClusterId: "other"})
			return err
		},
		"no command": func() error { _, err := s.ProposeMeta(ctx, &nodev1.ProposeMetaRequest{}); return err },
		"garbage command": func() error {
			_, err := s.ProposeMeta(ctx, &nodev1.ProposeMetaRequest{Command: []byte(huge)})
			return err
		},
		"a shard that is not here": func() error {
			_, err := s.GetReplicaStatus(ctx, &nodev1.GetReplicaStatusRequest{ShardIds: []uint64{99}})
			return err
		},
		"too many shards": func() error {
			_, err := s.GetReplicaStatus(ctx, &nodev1.GetReplicaStatusRequest{ShardIds: make([]uint64, meta.ShardsMax+1)})
			return err
		},
		"transfer of a shard that is not here": func() error {
			_, err := s.TransferLeadership(ctx, &nodev1.TransferLeadershipRequest{ShardId: 99})
			return err
		},
		"transfer to nobody we know": func() error {
			_, err := s.TransferLeadership(ctx, &nodev1.TransferLeadershipRequest{ShardId: 1, ToNodeId: huge})
			return err
		},
		"an index that never comes": func() error {
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			_, err := s.ReadMeta(short, &nodev1.ReadMetaRequest{ReadMode: cachev1.ReadMode_READ_MODE_STALE, MinIndex: 1 << 62})
			return err
		},
	} {
		err := call()
		if e := apierr.Of(fromStatus(err, true)); err == nil || e.Result() != apierr.OutcomeNotApplied || len(e.Message) > messageMax {
			t.Errorf("%s: %.300v", what, err)
		}
	}
	if got := len(n.host.Load().State().Nodes()); got != 1 {
		t.Errorf("%d nodes are registered, want 1", got)
	}
	if got := len(n.book.Nodes()); got != 1 {
		t.Errorf("%d nodes are in the book, want 1", got)
	}
}
