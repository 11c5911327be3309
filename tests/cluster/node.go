package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/holtcache/holt/gateway/client"
)

// Addresses are where a node listens.
type Addresses struct{ RESP, GRPC, Cluster, Gossip, HTTP string }

// Node is one server of a cluster: a data folder, addresses, and at most one process at a time.
type Node struct {
	Number int
	Dir    string
	Addr   Addresses
	// Join are the cluster addresses that the next start is given.
	Join []string
	// Args are further flags of the next start.
	Args []string
	// Under is the command that the next start is run by (Home.Under).
	Under []string

	cluster *Cluster

	mu      sync.Mutex // protects the fields below: faults that go on by themselves start nodes, too
	process *Process
	paused  bool
	admin   *client.Admin
}

// settle gives a node that was not started yet a home.
func (n *Node) settle(home Home) {
	n.Under = home.Under
	if home.Dir != "" {
		n.Dir = home.Dir
	}
	if home.Clock != nil {
		n.Under = append(slices.Clone(n.Under), "env", clockFile+"="+home.Clock.File)
	}
	if home.IP != "" {
		at := func(port string) string { return net.JoinHostPort(home.IP, port) }
		n.Args = append(slices.Clone(n.Args), "--protected-mode=no") // its clients are on other hosts
		n.Addr = Addresses{RESP: at("6379"), GRPC: at("6380"), Cluster: at("6381"), Gossip: at("6382"), HTTP: at("6383")}
	}
}

// Command is the command line, without the program, that starts the node.
func (n *Node) Command() []string {
	args := []string{
		"server", "--dir", n.Dir, "--resp", n.Addr.RESP, "--grpc", n.Addr.GRPC, "--cluster", n.Addr.Cluster,
		"--gossip", n.Addr.Gossip, "--http", n.Addr.HTTP,
	}
	if len(n.Join) > 0 {
		args = append(args, "--join", strings.Join(n.Join, ","))
	}
	return append(args, n.Args...)
}

// Start starts the node's process and returns at once.
func (n *Node) Start() {
	n.cluster.t.Helper()
	n.must(n.start())
}

func (n *Node) start() error {
	if n.Running() {
		return errors.New("it runs already")
	}
	line := slices.Concat(n.Under, []string{n.cluster.program}, n.Command())
	p, err := startProcess(line[0], n.LogFile(), line[1:]...)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.process, n.paused = p, false
	n.mu.Unlock()
	n.hangUp() // gRPC waits longer and longer before it tries an address again at which nobody was
	return nil
}

func (n *Node) hangUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.admin != nil {
		_ = n.admin.Close()
		n.admin = nil
	}
}

// Running tells whether the node's process exists, paused or not.
func (n *Node) Running() bool {
	p := n.run()
	return p != nil && p.Running()
}

// run is the node's latest process, nil before its first start.
func (n *Node) run() *Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// Paused tells whether the node's process stands still.
func (n *Node) Paused() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.paused
}

// PID is the id of the node's process.
func (n *Node) PID() int { return n.run().PID() }

// Kill ends the node as kill -9 does.
func (n *Node) Kill() { n.must(n.run().Kill()) }

// signal sends a signal to the node's process, and remembers whether that stands still.
func (n *Node) signal(s syscall.Signal) error {
	err := n.run().Signal(s)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err != nil:
	case s == syscall.SIGSTOP:
		n.paused = true
	case s == syscall.SIGCONT:
		n.paused = false
	}
	return err
}

// Pause stops the node in mid-air: its sockets stay open and take bytes, and nobody answers.
func (n *Node) Pause() {
	n.cluster.t.Helper()
	n.must(n.signal(syscall.SIGSTOP))
}

// Resume lets a paused node go on.
func (n *Node) Resume() {
	n.cluster.t.Helper()
	n.must(n.signal(syscall.SIGCONT))
}

// Stop asks the node to end and returns when it has; an exit code other than 0 fails the test.
func (n *Node) Stop() {
	n.cluster.t.Helper()
	n.must(n.signal(syscall.SIGTERM))
	if code := n.WaitExit(); code != 0 {
		n.cluster.t.Fatalf("node %d: exit code %d after SIGTERM, want 0", n.Number, code)
	}
}

// WaitExit returns the exit code of a node that ends by itself.
func (n *Node) WaitExit() int {
	n.cluster.t.Helper()
	code, err := n.run().Wait()
	n.must(err)
	return code
}

// Wipe empties the data folder of a node that is down: its next start is that of a new node.
func (n *Node) Wipe() {
	n.cluster.t.Helper()
	if n.Running() {
		n.cluster.t.Fatalf("node %d runs; its folder can't be wiped", n.Number)
	}
	n.must(os.RemoveAll(n.Dir))
}

// Move gives a node that is down other addresses.
func (n *Node) Move() {
	n.cluster.t.Helper()
	addr, err := freeAddresses()
	n.must(err)
	n.Addr = addr
	n.hangUp()
}

func freeAddresses() (Addresses, error) {
	var a Addresses
	for _, addr := range []*string{&a.RESP, &a.GRPC, &a.Cluster, &a.Gossip, &a.HTTP} {
		var err error
		if *addr, err = FreeAddr(); err != nil {
			return a, err
		}
	}
	return a, nil
}

// ID is the node's id, "" before its first start made one.
func (n *Node) ID() string {
	n.cluster.t.Helper()
	data, err := os.ReadFile(filepath.Join(n.Dir, "identity.json"))
	if os.IsNotExist(err) {
		return ""
	}
	n.must(err)
	var identity struct{ NodeID string }
	n.must(json.Unmarshal(data, &identity))
	return identity.NodeID
}

// listens tells whether the node's gRPC port is open.
func (n *Node) listens() error {
	if !n.Running() {
		return Never(fmt.Errorf("node %d has ended", n.Number))
	}
	conn, err := net.DialTimeout("tcp", n.Addr.GRPC, callMax)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Admin is the operators' client of this node.
func (n *Node) Admin() *client.Admin {
	n.cluster.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.admin == nil {
		a, err := client.DialAdmin(n.Addr.GRPC, n.cluster.Secure.options()...)
		n.must(err)
		n.admin = a
	}
	return n.admin
}

// Ready is nil once the node says that it can serve every slot, itself or by redirection.
func (n *Node) Ready() error {
	if !n.Running() {
		return fmt.Errorf("node %d is down", n.Number)
	}
	reply, err := n.cluster.Secure.get(n.Addr.HTTP, "/readyz")
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, 1<<10))
	if err != nil {
		return err
	}
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("node %d: %s", n.Number, strings.TrimSpace(string(body)))
	}
	return nil
}

// httpClient keeps no connection, so that none outlives its node.
var httpClient = &http.Client{Timeout: callMax, Transport: &http.Transport{DisableKeepAlives: true}}

// LogFile is where the node's output goes, over all its starts.
func (n *Node) LogFile() string {
	return filepath.Join(n.cluster.Dir, fmt.Sprintf("node-%d.log", n.Number))
}

// Log is what the node has said so far, over all its starts.
func (n *Node) Log() string {
	n.cluster.t.Helper()
	data, err := os.ReadFile(n.LogFile())
	n.must(err)
	return string(data)
}

func (n *Node) must(err error) {
	n.cluster.t.Helper()
	if err != nil {
		n.cluster.t.Fatalf("node %d: %v", n.Number, err)
	}
}
