package system

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
)

// etcdServer is the program of etcd; the module in tests/bench/etcd says which version.
const etcdServer = "go.etcd.io/etcd/server/v3"

// etcdMembers is how many there are: as many as Holt has replicas.
const etcdMembers = 3

// EtcdPrograms are built from the module in tests/bench/etcd.
type EtcdPrograms struct{ server, load string }

// BuildEtcd builds etcd and the client that puts load on it into dir. It takes a minute where nothing is cached, and the
// network where the modules are not.
func BuildEtcd(ctx context.Context, dir string) (EtcdPrograms, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/holtcache/holt").Output()
	if err != nil {
		return EtcdPrograms{}, fmt.Errorf("find the source of holt: %w", err)
	}
	module := filepath.Join(strings.TrimSpace(string(root)), "tests", "bench", "etcd")
	p := EtcdPrograms{filepath.Join(dir, "etcd"), filepath.Join(dir, "etcdload")}
	for program, path := range map[string]string{p.server: etcdServer, p.load: "."} {
		out, err := exec.CommandContext(ctx, "go", "-C", module, "build", "-trimpath", "-o", program, path).CombinedOutput()
		if err != nil {
			return EtcdPrograms{}, fmt.Errorf("build %s in %s: %w: %s", path, module, err, out)
		}
	}
	return p, nil
}

// Etcd is a cluster of three members with their defaults.
func Etcd(programs EtcdPrograms) System {
	return System{
		Name:    "etcd",
		Promise: fmt.Sprintf("%d members; each put is fsynced on, and committed by, a majority; clients talk to the leader; linearizable reads", etcdMembers),
		Start:   programs.start,
	}
}

func (p EtcdPrograms) start(ctx context.Context, dir string) (*Running, error) {
	var offsets []int
	for i := range 2 * etcdMembers {
		offsets = append(offsets, i)
	}
	port, err := freePort(offsets...)
	if err != nil {
		return nil, err
	}
	url := func(offset, i int) string { return fmt.Sprintf("http://127.0.0.1:%d", port+offset+i) }
	const clients, members = 0, etcdMembers
	var all []string
	for i := range etcdMembers {
		all = append(all, fmt.Sprintf("m%d=%s", i, url(members, i)))
	}
	r := &Running{}
	for i := range etcdMembers {
		m, err := start(filepath.Join(dir, fmt.Sprintf("m%d.log", i)), nil, p.server,
			"--name", fmt.Sprint("m", i), "--data-dir", filepath.Join(dir, fmt.Sprint("m", i)), "--log-level", "warn",
			"--listen-client-urls", url(clients, i), "--advertise-client-urls", url(clients, i),
			"--listen-peer-urls", url(members, i), "--initial-advertise-peer-urls", url(members, i),
			"--initial-cluster", strings.Join(all, ","), "--initial-cluster-state", "new")
		if err != nil {
			return nil, errors.Join(err, r.Stop())
		}
		r.processes = append(r.processes, m)
		r.PIDs = append(r.PIDs, m.pid())
		r.Addrs = append(r.Addrs, url(clients, i))
	}
	r.Addr = r.Addrs[0]
	r.drive = etcdDriver{p.load, r.Addrs}
	for _, addr := range r.Addrs {
		if err := r.await(ctx, "start of etcd", func() error { return healthy(ctx, addr) }); err != nil {
			return nil, errors.Join(err, r.Stop())
		}
	}
	return r, nil
}

// healthy asks a member whether it knows a leader and can commit.
func healthy(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, askMax)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, addr+"/health", nil)
	if err != nil {
		return err
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := c.Do(request)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", addr, reply.Status)
	}
	return nil
}

// etcdDriver runs the client of tests/bench/etcd.
type etcdDriver struct {
	program string
	addrs   []string
}

func (d etcdDriver) fill(ctx context.Context, s load.Spec) error {
	s.Op, s.Pipeline = "fill", 1
	_, err := d.run(ctx, s)
	return err
}

func (d etcdDriver) run(ctx context.Context, s load.Spec) (load.Result, error) {
	if s.Rate > 0 {
		return load.Result{}, errors.New("the client for etcd sends when answered, at no fixed rate")
	}
	var complaint strings.Builder
	cmd := exec.CommandContext(ctx, d.program, "-endpoints", strings.Join(d.addrs, ","), "-op", strings.ToLower(string(s.Op)),
		"-conns", fmt.Sprint(s.Conns), "-in-flight", fmt.Sprint(s.Pipeline), "-keys", fmt.Sprint(s.Keys), "-value-bytes", fmt.Sprint(s.ValueBytes),
		"-warmup", s.Warmup.String(), "-window", s.Window.String())
	cmd.Stderr = &complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return load.Result{}, err
	}
	if err := cmd.Start(); err != nil {
		return load.Result{}, err
	}
	result, err := readEtcdLoad(bufio.NewReader(out), s.Edge)
	if ended := cmd.Wait(); ended != nil || err != nil {
		return load.Result{}, fmt.Errorf("%s: %w: %s", filepath.Base(d.program), errors.Join(ended, err), strings.TrimSpace(complaint.String()))
	}
	return result, nil
}

// etcdFigures is the last line of the client.
type etcdFigures struct {
	Elapsed    time.Duration   `json:"elapsed_ns"`
	ClientCPU  time.Duration   `json:"client_cpu_ns"`
	Failed     uint64          `json:"failed"`
	Missing    uint64          `json:"missing"`
	FirstError string          `json:"first_error"`
	Latencies  []time.Duration `json:"latencies_ns"`
}

// readEtcdLoad reads a line for each edge of the window, and then the figures.
func readEtcdLoad(r *bufio.Reader, edge func()) (load.Result, error) {
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return load.Result{}, err
		}
		if string(line) == "edge\n" {
			if edge != nil {
				edge()
			}
			continue
		}
		var f etcdFigures
		if err := json.Unmarshal(line, &f); err != nil {
			return load.Result{}, err
		}
		result := load.Result{
			Elapsed: f.Elapsed, ClientCPU: f.ClientCPU, Failed: f.Failed, Missing: f.Missing, FirstError: f.FirstError, Latency: load.NewHistogram(),
		}
		for _, d := range f.Latencies {
			result.Latency.Add(d)
		}
		return result, nil
	}
}

// Etcd's version, for the head of a table.
func (p EtcdPrograms) Version() string {
	out, err := exec.Command(p.server, "--version").Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

var _ driver = etcdDriver{}
