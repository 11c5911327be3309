package gossip

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

func TestOtherClustersAreNotMerged(t *testing.T) {
	a := open(t, fastConfig("a"))
	cfg := fastConfig("b", a.Self().Gossip)
	cfg.ClusterID = "cluster-b"
	b := open(t, cfg)
	if n, err := b.list.Join([]string{a.addr}); err == nil {
		t.Errorf("join of another cluster reached %d nodes, want an error", n)
	}
	if err := b.list.SendToAddress(memberlist.Address{Addr: a.addr}, encodeLeader(testTag, Leader{Shard: 1, Term: 1, Node: "b"})); err != nil {
		t.Fatal(err)
	}
	c := open(t, fastConfig("c", a.Self().Gossip)) // what comes after b is taken
	c.AnnounceLeader(Leader{Shard: 2, Term: 1, Node: "c"})
	waitFor(t, a, "the hint of c", func() bool { return len(a.Leaders()) > 0 })
	if _, known := a.Leaders()[1]; known {
		t.Error("a took a leader hint from another cluster")
	}
	if _, known := a.Node("b"); known || len(b.Nodes()) != 1 {
		t.Errorf("clusters merged: a sees %+v, b sees %+v", a.Nodes(), b.Nodes())
	}
}

// impostor is a plain memberlist that knows the label, so only the delegates stand in its way.
type impostor struct {
	meta  []byte
	state []byte
}

func (i impostor) NodeMeta(int) []byte           { return i.meta }
func (impostor) NotifyMsg([]byte)                {}
func (impostor) GetBroadcasts(int, int) [][]byte { return nil }
func (i impostor) LocalState(bool) []byte        { return i.state }
func (impostor) MergeRemoteState([]byte, bool)   {}
func (i impostor) open(t *testing.T) *memberlist.Memberlist {
	t.Helper()
	conf := memberlist.DefaultLocalConfig()
	conf.Name, conf.Label = "impostor", "cluster-a"
	conf.BindAddr, conf.BindPort = "127.0.0.1", 0
	conf.Logger = nil
	conf.LogOutput = t.Output()
	conf.ProbeInterval, conf.TCPTimeout, conf.GossipInterval = 100*time.Millisecond, time.Second, 10*time.Millisecond
	conf.ProbeTimeout = 50 * time.Millisecond
	conf.Delegate = i
	list, err := memberlist.Create(conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = list.Shutdown() })
	return list
}

func TestForgedMetadataAndMessagesHaveNoEffect(t *testing.T) {
	foreign := tagOf("cluster-b")
	for name, meta := range map[string][]byte{
		"foreign": encodeMeta(foreign, sampleNode()),
		"none":    nil,
		"garbage": []byte("\x01\x01garbage"),
	} {
		t.Run(name, func(t *testing.T) {
			g := open(t, fastConfig("a"))
			bad := impostor{meta: meta, state: encodeState(testTag, hints{leaders: []Leader{{1, 1, "impostor"}}})}.open(t)
			_, _ = bad.Join([]string{g.addr})
			waitFor(t, g, "the merge to be refused", func() bool { return g.Stats().MergesRefused > 0 })
			to := memberlist.Address{Addr: g.addr}
			for _, b := range [][]byte{
				encodeLeader(foreign, Leader{1, 9, "impostor"}),
				encodeDeparture(foreign, departure{"a", 1}),
				[]byte("nonsense"),
				{},
				encodeMeta(testTag, sampleNode()),
			} {
				if err := bad.SendToAddress(to, b); err != nil {
					t.Fatal(err)
				}
			}
			waitFor(t, g, "all messages to be counted", func() bool {
				s := g.Stats()
				return s.MessagesForeign == 2 && s.MessagesMalformed == 3
			})
			if nodes, ls := g.Nodes(), g.Leaders(); len(nodes) != 1 || len(ls) != 0 {
				t.Errorf("got nodes %+v, leaders %+v; want only a, no leader", nodes, ls)
			}
		})
	}
}

// One node with an impossible version range would make memberlist refuse every later exchange in the cluster.
func TestNodeWithExcludingProtocolVersionsIsRefused(t *testing.T) {
	g := open(t, fastConfig("a"))
	good := memberlist.Node{Name: "x", Meta: encodeMeta(testTag, sampleNode()), PMin: 1, PMax: 5, PCur: 2}
	if err := (delegate{g}).NotifyAlive(&good); err != nil {
		t.Errorf("usual versions: got %v, want them taken", err)
	}
	for _, change := range []func(*memberlist.Node){
		func(n *memberlist.Node) { n.PMin, n.PCur = 5, 5 },
		func(n *memberlist.Node) { n.PMax = 1 },
		func(n *memberlist.Node) { n.PCur = 4 },
		func(n *memberlist.Node) { n.DMin, n.DCur, n.DMax = 1, 1, 1 },
	} {
		bad := good
		change(&bad)
		if err := (delegate{g}).NotifyAlive(&bad); !errors.Is(err, errMalformed) {
			t.Errorf("versions of %+v: got %v, want %v", bad, err, errMalformed)
		}
	}
}
