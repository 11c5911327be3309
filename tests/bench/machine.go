package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// machine is where the figures come from.
type machine struct {
	Commit     string `json:"commit"`
	Command    string `json:"command"`
	CPU        string `json:"cpu"`
	CPUs       int    `json:"cpus"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	Redis      string `json:"redis,omitempty"`
	Filesystem string `json:"filesystem"`
	// Fdatasync is the median of fdatasync after appending 4 KiB.
	Fdatasync micros `json:"fdatasync_p50_us"`
}

func (m machine) String() string {
	s := fmt.Sprintf("commit %s, %d x %s, Linux %s, %s, load average %s\n", m.Commit, m.CPUs, m.CPU, m.Kernel, m.Go, loadAverage())
	s += fmt.Sprintf("data on %s, fdatasync after 4 KiB %.0f us (median)", m.Filesystem, m.Fdatasync)
	if m.Redis != "" {
		s += "\n" + m.Redis
	}
	return s
}

func describeMachine(dir string) (machine, error) {
	synced, err := fdatasync(dir)
	if err != nil {
		return machine{}, err
	}
	return machine{
		Commit: commit(), Command: strings.Join(append([]string{"bench"}, os.Args[1:]...), " "),
		CPU: cpuModel(), CPUs: runtime.NumCPU(), Kernel: firstLine("/proc/sys/kernel/osrelease"), Go: runtime.Version(),
		Redis: said("redis-server", "--version"), Filesystem: said("stat", "-f", "-c", "%T", dir), Fdatasync: toMicros(synced),
	}, nil
}

// commit names the source: "3c7861a", or "3c7861a-dirty" where files differ from it.
func commit() string {
	if c := said("git", "describe", "--always", "--dirty", "--exclude=*"); c != "" {
		return c
	}
	return "unknown"
}

// said is the first line that a program prints, "" where it can't be run.
func said(program string, args ...string) string {
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}

func firstLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}

func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}

func loadAverage() string {
	fields := strings.Fields(firstLine("/proc/loadavg"))
	return strings.Join(fields[:min(len(fields), 1)], "")
}

// syncs is how many fdatasyncs the median is taken of.
const syncs = 101

// fdatasync measures what every acknowledged write under appendfsync always waits for.
func fdatasync(dir string) (time.Duration, error) {
	file, err := os.Create(filepath.Join(dir, "fdatasync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	block := bytes.Repeat([]byte{1}, 4096)
	times := make([]time.Duration, syncs)
	for i := range times {
		if _, err := file.Write(block); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return 0, fmt.Errorf("fdatasync %s: %w", file.Name(), err)
		}
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
