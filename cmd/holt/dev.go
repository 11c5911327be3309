package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// The ports of node i stand at base+i, and this far above it.
const (
	grpcOffset    = 100
	clusterOffset = 200
	gossipOffset  = 300
	httpOffset    = 400
	devNodesMax   = 99
)

// readyMax bounds how long a development cluster may take to serve every slot.
const readyMax = 60 * time.Second

type dev struct {
	dir              string
	port, nodes      int
	replicas, shards uint32

	logStore, appendfsync string
	maxMemory             string
	respMode              string
	// setPolicy: the flag was given, so that a cluster that exists already is told too.
	setPolicy bool
	program   string
	running   []*devNode
}

func devCommand() *cobra.Command {
	d := &dev{}
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole cluster on this machine",
		Long: `Run a whole cluster on this machine: real nodes, each a process of its own, on loopback. Data is kept in --dir; a second
start finds it again. Ctrl-C stops all nodes.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d.setPolicy = c.Flags().Changed("appendfsync")
			return d.run()
		},
	}
	f := c.Flags()
	f.StringVar(&d.dir, "dir", "holt-data", "folder for the data of all nodes")
	f.IntVar(&d.nodes, "nodes", 3, "number of nodes")
	f.IntVar(&d.port, "port", 7001, "RESP port of the first node; gRPC, cluster, gossip and HTTP stand 100, 200, 300 and 400 above")
	f.Uint32Var(&d.replicas, "replicas", 0, "replicas of each shard: 1, 3 or 5; 0 takes the smaller of 3 and the nodes, made odd")
	f.Uint32Var(&d.shards, "shards", 0, "number of shards; 0 makes one for each node")
	f.StringVar(&d.logStore, "log-store", "wal", "what keeps the logs: wal or bolt")
	f.StringVar(&d.appendfsync, "appendfsync", "always", "when the logs are synced to disk: always, everysec or no; also changes that of a cluster in --dir")
	f.StringVar(&d.respMode, "resp-mode", "cluster", "what RESP clients are told whose keys are elsewhere: cluster (MOVED and ASK) or proxy (nothing: any node takes any command)")
	f.StringVar(&d.maxMemory, "maxmemory", "", "memory that keys and values may take on each node, such as 100mb; 0 is no limit; empty keeps what CONFIG SET has left")
	return c
}

func (d *dev) run() error {
	// A child is told of the end of the thread that started it, not of the process: so this thread stays.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := d.prepare(); err != nil {
		return err
	}
	for i := 1; i <= d.nodes; i++ {
		if err := d.start(i); err != nil {
			return errors.Join(err, d.stop())
		}
	}
	if err := d.create(ctx); err != nil {
		return errors.Join(err, d.stop())
	}
	if ctx.Err() == nil {
		d.explain()
	}
	d.watch(ctx)
	stop() // a second signal ends this process at once, and the nodes with it
	fmt.Println("\nstopping")
	return d.stop()
}

func (d *dev) prepare() error {
	if d.nodes < 1 || d.nodes > devNodesMax {
		return fmt.Errorf("--nodes=%d: use 1 to %d", d.nodes, devNodesMax)
	}
	if d.port < 1 || d.port > 65535-httpOffset-d.nodes {
		return fmt.Errorf("--port=%d: with %d nodes use 1 to %d", d.port, d.nodes, 65535-httpOffset-d.nodes)
	}
	if d.replicas == 2 || d.replicas == 4 || d.replicas > 5 {
		return fmt.Errorf("--replicas=%d: use 1, 3 or 5; an even number tolerates no more failures than one less", d.replicas)
	}
	if int(d.replicas) > d.nodes {
		return fmt.Errorf("--replicas=%d: only %d nodes; use at least as many --nodes", d.replicas, d.nodes)
	}
	last, err := d.lastNode()
	if err != nil {
		return err
	}
	if last > d.nodes {
		return fmt.Errorf("--nodes=%d: folder %s holds the data of %d nodes; use --nodes=%d, or another --dir", d.nodes, d.dir, last, last)
	}
	if d.program, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("folder %s cannot be made: %w; choose another with --dir", d.dir, err)
	}
	return d.checkPorts()
}

// checkPorts finds a port in use before any node is started: its owner may be another cluster, which would answer for
// ours.
func (d *dev) checkPorts() error {
	for i := 1; i <= d.nodes; i++ {
		for _, offset := range []int{0, grpcOffset, clusterOffset, gossipOffset, httpOffset} {
			l, err := net.Listen("tcp", d.addr(offset, i))
			if errors.Is(err, syscall.EADDRINUSE) {
				return fmt.Errorf("%s is in use by another process: stop that one (another holt dev?), or choose other ports with --port", d.addr(offset, i))
			}
			if err != nil {
				return fmt.Errorf("%s cannot be listened on: %w; choose other ports with --port", d.addr(offset, i), err)
			}
			if err := l.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastNode is the highest number of a node whose data the folder holds, 0 for an empty one. The folder's own name may hold
// what Glob takes for a pattern, so Glob does not see it.
func (d *dev) lastNode() (int, error) {
	found, err := fs.Glob(os.DirFS(d.dir), "node-*/identity.json")
	if err != nil {
		return 0, err
	}
	last := 0
	for _, path := range found {
		if n, err := strconv.Atoi(strings.TrimPrefix(filepath.Dir(path), "node-")); err == nil {
			last = max(last, n)
		}
	}
	return last, nil
}

func (d *dev) addr(offset, i int) string { return fmt.Sprintf("127.0.0.1:%d", d.port+offset+i-1) }

func (d *dev) logFile(i int) string { return filepath.Join(d.dir, fmt.Sprintf("node-%d.log", i)) }

// create makes the nodes a cluster, unless they are one, and waits until every slot is served.
func (d *dev) create(ctx context.Context) error {
	a, err := (&reach{addr: d.addr(grpcOffset, 1)}).dial() // with HOLT_PASSWORD, where users were set
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(ctx, readyMax)
	defer cancel()
	for {
		if err := d.sayEnded(); err != nil {
			return err
		}
		up, err := d.look(ctx, a)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if up {
			d.settle(ctx, a)
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return fmt.Errorf("not every slot is served after %v: see %s", readyMax, d.logFile(1))
			}
			return nil // stopped by a signal
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// look does what can be done now towards a cluster that serves every slot, and tells whether it is up.
func (d *dev) look(ctx context.Context, a *client.Admin) (up bool, err error) {
	call, cancel := context.WithTimeout(ctx, time.Second)
	status, err := a.Status(call)
	cancel()
	if err != nil {
		return false, nil // not listening yet, or too busy to answer
	}
	if !d.isNode(1, status.NodeId) {
		return false, fmt.Errorf("another node answers at %s: stop it, or choose other ports with --port", d.addr(grpcOffset, 1))
	}
	if status.Phase == clusterv1.ClusterPhase_CLUSTER_PHASE_UNINITIALIZED {
		if d.belong() {
			return false, nil // on its way up, or about to join the others again
		}
		if _, err := a.InitCluster(ctx, uint32(d.nodes), &clusterv1.Settings{Replicas: d.replicas, Shards: d.shards}); err != nil {
			return false, fmt.Errorf("create the cluster: %w", err)
		}
		return false, nil
	}
	if !d.ready(ctx) {
		return false, nil
	}
	if err := d.agrees(ctx, a); err != nil {
		return true, err
	}
	if d.setPolicy {
		if err := a.ChangeSettings(ctx, &clusterv1.NamedSetting{Name: "appendfsync", Value: d.appendfsync}); err != nil {
			return true, fmt.Errorf("--appendfsync=%s: %w", d.appendfsync, err)
		}
	}
	return true, nil
}

func (d *dev) identity(i int) string {
	return filepath.Join(d.dir, fmt.Sprint("node-", i), "identity.json")
}

// isNode tells whether an id is that of the node in our i-th folder.
func (d *dev) isNode(i int, id string) bool {
	data, err := os.ReadFile(d.identity(i))
	return err == nil && id != "" && strings.Contains(string(data), id)
}

// belong tells whether any node's folder belongs to a cluster. A second one must not be made beside it: the first node
// may be one whose folder was wiped.
func (d *dev) belong() bool {
	for i := 1; i <= d.nodes; i++ {
		if data, err := os.ReadFile(d.identity(i)); err == nil && strings.Contains(string(data), "clusterId") {
			return true
		}
	}
	return false
}

// agrees is an error where flags ask for another cluster than the one in the folder.
func (d *dev) agrees(ctx context.Context, a *client.Admin) error {
	list, err := a.Shards(ctx)
	if err != nil {
		return err
	}
	const cure = "that is decided when a cluster is created; leave the flag out, or use another --dir"
	if n := len(list.Shards); d.shards != 0 && n != int(d.shards) {
		return fmt.Errorf("--shards=%d: the cluster in folder %s has %d; %s", d.shards, d.dir, n, cure)
	}
	for _, s := range list.Shards {
		if n := len(s.Shard.Replicas); d.replicas != 0 && n != int(d.replicas) {
			return fmt.Errorf("--replicas=%d: the shards of the cluster in folder %s have %d; %s", d.replicas, d.dir, n, cure)
		}
	}
	return nil
}

// settleMax bounds the wait for leaders to reach their nodes, which clients do not need.
const settleMax = 10 * time.Second

// settle waits until each shard is led by the node that should lead it. Every slot is served before; but tools that read
// the slot map once, as redis-benchmark does, stumble over a leader that moves.
func (d *dev) settle(ctx context.Context, a *client.Admin) {
	ctx, cancel := context.WithTimeout(ctx, settleMax)
	defer cancel()
	for !settled(ctx, a) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func settled(ctx context.Context, a *client.Admin) bool {
	list, err := a.Shards(ctx)
	if err != nil {
		return false
	}
	for _, s := range list.Shards {
		if s.State != clusterv1.ShardState_SHARD_STATE_SERVING || s.Shard.LeaderNodeId != s.PreferredLeaderNodeId {
			return false
		}
	}
	return true
}

// ready tells whether every node can serve every slot, itself or by redirection.
func (d *dev) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for i := 1; i <= d.nodes; i++ {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+d.addr(httpOffset, i)+"/readyz", nil)
		if err != nil {
			return false
		}
		reply, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		reply.Body.Close()
		if reply.StatusCode != http.StatusOK {
			return false
		}
	}
	return true
}

// sayEnded is an error if a node ended before the cluster was up; its last words are in its log.
func (d *dev) sayEnded() error {
	for _, n := range d.running {
		select {
		case err := <-n.ended:
			n.ended <- err
			return fmt.Errorf("node %d ended (%v): %s", n.number, err, lastLine(d.logFile(n.number)))
		default:
		}
	}
	return nil
}

func (d *dev) explain() {
	fmt.Printf("holt %s: %d nodes are up and serve all 16384 slots. Data and logs are in %s.\n\n", version, d.nodes, d.dir)
	for _, n := range d.running {
		fmt.Printf("  node %d  RESP %s  gRPC %s  HTTP %s  pid %d\n", n.number, d.addr(0, n.number), d.addr(grpcOffset, n.number), d.addr(httpOffset, n.number), n.cmd.Process.Pid)
	}
	fmt.Printf("\nTry:\n")
	if d.respMode == "proxy" {
		fmt.Printf("  redis-cli -p %d set foo bar\n", d.port)
	} else {
		fmt.Printf("  redis-cli -c -p %d set foo bar\n", d.port)
	}
	fmt.Printf("  http://%s/ in a browser\n", d.addr(httpOffset, 1))
	fmt.Printf("  %s cluster shards --addr %s\n", quoted(d.program), d.addr(grpcOffset, 1))
	fmt.Printf("  grpcurl -plaintext -d '{\"key\":\"Zm9v\"}' %s holt.cache.v1.CacheService/Get\n", d.addr(grpcOffset, 1))
	last := d.running[len(d.running)-1]
	if d.nodes > 1 {
		fmt.Printf("\nKill a node; no acknowledged write is lost:\n  kill -9 %d\n", last.cmd.Process.Pid)
		fmt.Printf("Start it again:\n  %s\n", d.command(last))
	}
	fmt.Println("\nCtrl-C stops all nodes; the next start finds the data again.")
}

// watch tells of nodes that end, until a signal comes.
func (d *dev) watch(ctx context.Context) {
	said := map[int]bool{}
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for _, n := range d.running {
			select {
			case err := <-n.ended:
				n.ended <- err
				if !said[n.number] {
					said[n.number] = true
					fmt.Printf("\nnode %d (pid %d) ended: %v. Start it again with:\n  %s\n", n.number, n.cmd.Process.Pid, err, d.command(n))
				}
			default:
			}
		}
	}
}
