package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
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
	program               string
	running               []*devNode
}

// devNode is one child process.
type devNode struct {
	number int
	args   []string
	cmd    *exec.Cmd
	ended  chan error
}

func devCommand() *cobra.Command {
	d := &dev{}
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run a whole cluster on this machine",
		Long: `Run a whole cluster on this machine: real nodes, each a process of its own, on loopback. Data is kept in --dir; a second
start finds it again. Ctrl-C stops all nodes.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return d.run() },
	}
	f := c.Flags()
	f.StringVar(&d.dir, "dir", "holt-data", "folder for the data of all nodes")
	f.IntVar(&d.nodes, "nodes", 3, "number of nodes")
	f.IntVar(&d.port, "port", 7001, "RESP port of the first node; gRPC, cluster, gossip and HTTP stand 100, 200, 300 and 400 above")
	f.Uint32Var(&d.replicas, "replicas", 0, "replicas of each shard: 1, 3 or 5; 0 takes the smaller of 3 and the nodes, made odd")
	f.Uint32Var(&d.shards, "shards", 0, "number of shards; 0 makes one for each node")
	f.StringVar(&d.logStore, "log-store", "wal", "what keeps the logs: wal or bolt")
	f.StringVar(&d.appendfsync, "appendfsync", "always", "when the logs are synced to disk: always, everysec or no")
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
	fmt.Println("\nstopping")
	return d.stop()
}

func (d *dev) prepare() error {
	if d.nodes < 1 || d.nodes > devNodesMax {
		return fmt.Errorf("--nodes=%d: use 1 to %d", d.nodes, devNodesMax)
	}
	if d.port < 1 || d.port+httpOffset+d.nodes > 65535 {
		return fmt.Errorf("--port=%d: with %d nodes use 1 to %d", d.port, d.nodes, 65535-httpOffset-d.nodes)
	}
	if d.replicas == 2 || d.replicas == 4 || d.replicas > 5 {
		return fmt.Errorf("--replicas=%d: use 1, 3 or 5; an even number tolerates no more failures than one less", d.replicas)
	}
	if int(d.replicas) > d.nodes {
		return fmt.Errorf("--replicas=%d: only %d nodes; use at least as many --nodes", d.replicas, d.nodes)
	}
	found, err := filepath.Glob(filepath.Join(d.dir, "node-*", "identity.json"))
	if err != nil {
		return err
	}
	if len(found) > d.nodes {
		return fmt.Errorf("--nodes=%d: folder %s holds the data of %d nodes; use --nodes=%d, or another --dir", d.nodes, d.dir, len(found), len(found))
	}
	if d.program, err = os.Executable(); err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	return os.MkdirAll(d.dir, 0o700)
}

func (d *dev) addr(offset, i int) string { return fmt.Sprintf("127.0.0.1:%d", d.port+offset+i-1) }

// start starts one node as a child process that writes its log into the data folder.
func (d *dev) start(i int) error {
	n := &devNode{number: i, ended: make(chan error, 1)}
	n.args = []string{
		"server", "--dir", filepath.Join(d.dir, fmt.Sprint("node-", i)),
		"--resp", d.addr(0, i), "--grpc", d.addr(grpcOffset, i), "--cluster", d.addr(clusterOffset, i),
		"--gossip", d.addr(gossipOffset, i), "--http", d.addr(httpOffset, i),
		"--log-store", d.logStore, "--appendfsync", d.appendfsync,
	}
	var others []string
	for j := 1; j <= d.nodes; j++ {
		if j != i {
			others = append(others, d.addr(clusterOffset, j))
		}
	}
	if len(others) > 0 {
		n.args = append(n.args, "--join", strings.Join(others, ","))
	}
	log, err := os.OpenFile(d.logFile(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("log of node %d: %w", i, err)
	}
	defer log.Close()
	n.cmd = exec.Command(d.program, n.args...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	// A group of its own: Ctrl-C is for this process, which stops the nodes in good order.
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := n.cmd.Start(); err != nil {
		return fmt.Errorf("start node %d: %w", i, err)
	}
	go func() { n.ended <- n.cmd.Wait() }()
	d.running = append(d.running, n)
	return nil
}

func (d *dev) logFile(i int) string { return filepath.Join(d.dir, fmt.Sprintf("node-%d.log", i)) }

// create makes the nodes a cluster, unless they are one, and waits until every slot is served.
func (d *dev) create(ctx context.Context) error {
	a, err := client.DialAdmin(d.addr(grpcOffset, 1))
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(ctx, readyMax)
	defer cancel()
	for {
		status, err := a.Status(ctx)
		if err == nil && status.Phase == clusterv1.ClusterPhase_CLUSTER_PHASE_UNINITIALIZED && status.ClusterId == "" && !d.belongs() {
			_, err = a.InitCluster(ctx, uint32(d.nodes), &clusterv1.Settings{Replicas: d.replicas, Shards: d.shards})
			if err != nil && ctx.Err() == nil {
				return fmt.Errorf("create the cluster: %w", err)
			}
		}
		if err == nil && d.ready(ctx) {
			return nil
		}
		if err := d.sayEnded(); err != nil {
			return err
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

// belongs tells whether the first node's folder belongs to a cluster that is on its way up.
func (d *dev) belongs() bool {
	data, err := os.ReadFile(filepath.Join(d.dir, "node-1", "identity.json"))
	return err == nil && strings.Contains(string(data), "clusterId")
}

// ready tells whether every node can serve every slot, itself or by redirection.
func (d *dev) ready(ctx context.Context) bool {
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

func lastLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}

func (d *dev) explain() {
	fmt.Printf("holt %s: %d nodes are up and serve all 16384 slots. Data and logs are in %s.\n\n", version, d.nodes, d.dir)
	for _, n := range d.running {
		fmt.Printf("  node %d  RESP %s  gRPC %s  HTTP %s  pid %d\n", n.number, d.addr(0, n.number), d.addr(grpcOffset, n.number), d.addr(httpOffset, n.number), n.cmd.Process.Pid)
	}
	fmt.Printf("\nTry:\n")
	fmt.Printf("  redis-cli -c -p %d set foo bar\n", d.port)
	fmt.Printf("  %s cluster shards --addr %s\n", d.program, d.addr(grpcOffset, 1))
	fmt.Printf("  grpcurl -plaintext -d '{\"key\":\"Zm9v\"}' %s holt.cache.v1.CacheService/Get\n", d.addr(grpcOffset, 1))
	last := d.running[len(d.running)-1]
	if d.nodes > 1 {
		fmt.Printf("\nKill a node; no acknowledged write is lost:\n  kill -9 %d\n", last.cmd.Process.Pid)
		fmt.Printf("Start it again:\n  %s\n", d.command(last))
	}
	fmt.Println("\nCtrl-C stops all nodes; the next start finds the data again.")
}

func (d *dev) command(n *devNode) string { return d.program + " " + strings.Join(n.args, " ") }

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

// stop ends the nodes in good order, one after another, and kills what does not end.
func (d *dev) stop() error {
	var errs []error
	for _, n := range d.running {
		_ = n.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-n.ended:
		case <-time.After(stopMax + 5*time.Second):
			errs = append(errs, fmt.Errorf("node %d did not stop within %v and was killed", n.number, stopMax+5*time.Second))
			_ = n.cmd.Process.Kill()
			<-n.ended
		}
	}
	return errors.Join(errs...)
}
