package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/nemesis"
)

// T is what a cluster needs of the test that it runs in; *testing.T and *testing.B are some.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// Options say what cluster to start. The zero value is three nodes with the defaults of `holt cluster init`.
type Options struct {
	Nodes int
	// Settings of the new cluster, replicas and shards among them; nil takes the defaults.
	Settings *clusterv1.Settings
	// Args are further flags of every node.
	Args []string
	// Secure gives the cluster certificates, encrypted gossip and a password (Cluster.Secure).
	Secure bool
	// Homes are where the first nodes live; those beyond live on loopback in folders of their own.
	Homes []Home
	// Steps, where set, stops migrations at their steps. The nodes then run a program that is built for tests.
	Steps *Steps
}

// Home is where a node lives.
type Home struct {
	// Dir is its data folder, which outlives the cluster; where it is empty, the node has one of its own below Cluster.Dir.
	Dir string
	// IP is the address of its own that it listens on, with the ports of the design; where it is empty, it listens on free
	// ports of loopback.
	IP string
	// Under is a command that the program is run by, with its arguments in front. It ends by executing the program, so
	// that the process is the node's.
	Under []string
	// Clock, where set, is the node's wall clock. The nodes then run a program that is built for tests.
	Clock *nemesis.Clock
}

// Cluster is a set of nodes.
type Cluster struct {
	Nodes []*Node
	// Dir holds the logs, and the data folders that were not given.
	Dir string
	// Secure is how the cluster is reached; nil where everybody may.
	Secure *Secure

	t       T
	program string
}

// New prepares nodes that are not started yet: free ports, empty folders, and every node's Join names all the others.
func New(t T, o Options) *Cluster {
	t.Helper()
	program, err := Binary()
	if slices.ContainsFunc(o.Homes, func(h Home) bool { return h.Clock != nil }) {
		program, err = BinaryWithClock()
	}
	if o.Steps != nil {
		program, err = BinaryWithSteps()
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	dir, err := os.MkdirTemp("", "holt-cluster-")
	if err != nil {
		t.Fatalf("%v", err)
	}
	c := &Cluster{Dir: dir, t: t, program: program}
	t.Cleanup(c.close)
	if o.Secure {
		c.Secure = secure(t, dir)
		o.Args = append(slices.Clone(o.Args), c.Secure.args...)
	}
	if o.Nodes == 0 {
		o.Nodes = 3
	}
	for range o.Nodes {
		c.Add(o.Args...)
	}
	for i, home := range o.Homes {
		c.Nodes[i].settle(home)
	}
	if o.Steps != nil {
		for _, n := range c.Nodes {
			n.Under = append(slices.Clone(n.Under), "env", stepFolder+"="+o.Steps.dir)
		}
	}
	c.JoinAll()
	return c
}

// Start starts a cluster and returns when every node says that every slot is served and every shard is led by the node
// that shall lead it: no leadership moves by itself any more. Tools that read the slot map once, and tests that look up a
// leader, stumble over one that does.
func Start(t T, o Options) *Cluster {
	t.Helper()
	c := New(t, o)
	c.Form(o.Settings)
	return c
}

// Form starts all nodes, creates the cluster and returns when it is as Start says.
func (c *Cluster) Form(settings *clusterv1.Settings) {
	c.t.Helper()
	for _, n := range c.Nodes {
		n.Start()
	}
	for _, n := range c.Nodes {
		Eventually(c.t, fmt.Sprintf("node %d listens", n.Number), n.listens)
	}
	c.Init(settings)
	c.WaitReady()
	c.WaitSettled()
}

// Add prepares one more node, which joins by the others.
func (c *Cluster) Add(args ...string) *Node {
	c.t.Helper()
	addr, err := freeAddresses()
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	number := len(c.Nodes) + 1
	n := &Node{Number: number, Dir: filepath.Join(c.Dir, fmt.Sprint("node-", number)), Addr: addr, Args: args, cluster: c}
	for _, other := range c.Nodes {
		n.Join = append(n.Join, other.Addr.Cluster)
	}
	c.Nodes = append(c.Nodes, n)
	return n
}

// JoinAll makes the next start of every node name the present addresses of all others.
func (c *Cluster) JoinAll() {
	for _, n := range c.Nodes {
		n.Join = nil
		for _, other := range c.Nodes {
			if other != n {
				n.Join = append(n.Join, other.Addr.Cluster)
			}
		}
	}
}

// Init creates the cluster at the first node, as soon as that answers.
func (c *Cluster) Init(settings *clusterv1.Settings) {
	c.t.Helper()
	first := c.Nodes[0]
	Eventually(c.t, "the first node listens", first.listens)
	ctx, cancel := context.WithTimeout(context.Background(), Deadline)
	defer cancel()
	if _, err := first.Admin().InitCluster(ctx, uint32(len(c.Nodes)), settings); err != nil {
		c.t.Fatalf("create the cluster: %v", err)
	}
}

// WaitReady returns when the shards have been created and every node that runs says that it can serve every slot.
func (c *Cluster) WaitReady() {
	c.t.Helper()
	Eventually(c.t, "every slot is served", c.Ready)
}

// Ready is nil if the shards have been created and every node that runs says that it can serve every slot.
func (c *Cluster) Ready() error {
	for _, n := range c.Running() {
		if err := n.Ready(); err != nil {
			return err
		}
		status, err := c.status(n)
		if err != nil {
			return err
		}
		if status.Phase != clusterv1.ClusterPhase_CLUSTER_PHASE_RUNNING {
			return fmt.Errorf("node %d: %v", n.Number, status.Phase)
		}
	}
	return nil
}

// Running lists the nodes that run and are not paused.
func (c *Cluster) Running() []*Node {
	var nodes []*Node
	for _, n := range c.Nodes {
		if n.Running() && !n.Paused() {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// KillAll ends every node as nearly at once as signals can.
func (c *Cluster) KillAll() {
	c.t.Helper()
	c.Kill(c.Running()...)
}

// Kill ends some nodes as nearly at once as signals can.
func (c *Cluster) Kill(nodes ...*Node) {
	c.t.Helper()
	for _, n := range nodes {
		n.must(n.signal(syscall.SIGKILL))
	}
	for _, n := range nodes {
		n.WaitExit()
	}
}

// StopAll asks every node to end, all at once, and returns when they have.
func (c *Cluster) StopAll() {
	c.t.Helper()
	var wg sync.WaitGroup
	for _, n := range c.Running() {
		n.must(n.signal(syscall.SIGTERM))
		wg.Go(func() { <-n.run().ended })
	}
	wg.Wait()
}

// RESP lists the RESP addresses of all nodes.
func (c *Cluster) RESP() []string {
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr.RESP)
	}
	return addrs
}

// logBytesMax bounds what is printed of the log of each node.
const logBytesMax = 12 << 10

func (c *Cluster) close() {
	for _, n := range c.Nodes {
		n.hangUp()
		if p := n.run(); p != nil {
			if err := p.Kill(); err != nil {
				c.t.Logf("node %d: %v", n.Number, err)
			}
		}
	}
	if !c.t.Failed() {
		_ = os.RemoveAll(c.Dir)
		return
	}
	for _, n := range c.Nodes {
		data, err := os.ReadFile(n.LogFile())
		if err != nil {
			continue
		}
		if len(data) > logBytesMax {
			data = data[len(data)-logBytesMax:]
			data = data[strings.IndexByte(string(data), '\n')+1:]
		}
		c.t.Logf("node %d, %s, log:\n%s", n.Number, n.Addr.RESP, data)
	}
	c.t.Logf("data folders and whole logs are kept in %s", c.Dir)
}

// callMax bounds one question to a node.
const callMax = 3 * time.Second
