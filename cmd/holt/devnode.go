package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// devNode is one child process.
type devNode struct {
	number int
	args   []string
	cmd    *exec.Cmd
	ended  chan error
}

// start starts one node as a child process that writes its log into the data folder.
func (d *dev) start(i int) error {
	n := &devNode{number: i, ended: make(chan error, 1)}
	n.args = []string{
		"server", "--dir", filepath.Join(d.dir, fmt.Sprint("node-", i)),
		"--resp", d.addr(0, i), "--grpc", d.addr(grpcOffset, i), "--cluster", d.addr(clusterOffset, i),
		"--gossip", d.addr(gossipOffset, i), "--http", d.addr(httpOffset, i),
		"--log-store", d.logStore, "--appendfsync", d.appendfsync, "--resp-mode", d.respMode,
	}
	if d.maxMemory != "" {
		n.args = append(n.args, "--maxmemory", d.maxMemory)
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

// lastLine is the end of a node's log.
func lastLine(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	const tail = 8 << 10
	if info, err := file.Stat(); err == nil && info.Size() > tail {
		if _, err := file.Seek(-tail, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	data, err := io.ReadAll(io.LimitReader(file, tail))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return lines[len(lines)-1]
}

// command is what a shell has to be told to start the node again.
func (d *dev) command(n *devNode) string {
	words := []string{quoted(d.program)}
	for _, arg := range n.args {
		words = append(words, quoted(arg))
	}
	return strings.Join(words, " ")
}

// quoted is a word as a shell takes it for one.
func quoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=@%+", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
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
