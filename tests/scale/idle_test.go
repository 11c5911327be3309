package scale

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/tests/cluster"
)

// idleFor is how long clusters are watched doing nothing.
const idleFor = 20 * time.Second

// What a node costs that nobody uses, by how many groups it holds.
func TestIdleNodeWithManyGroups(t *testing.T) {
	if !*all {
		t.Skip("it watches idle clusters for a minute: -args -all, or make scale")
	}
	for _, groups := range []uint32{16, 64, 256} {
		t.Run(strconv.Itoa(int(groups)), func(t *testing.T) {
			c := cluster.Start(t, cluster.Options{Nodes: 3, Settings: &clusterv1.Settings{Shards: groups, Replicas: 3}})
			c.WaitSettled()
			before := map[*cluster.Node]usage{}
			for _, n := range c.Running() {
				before[n] = used(t, n)
			}
			watched := time.NewTimer(idleFor)
			<-watched.C
			for _, n := range c.Running() {
				u := used(t, n)
				t.Logf("%d groups: node %d takes %.1f %% of a processor and %d MiB, and writes %.0f KB a second", groups, n.Number,
					100*(u.cpu-before[n].cpu).Seconds()/idleFor.Seconds(), u.residentBytes>>20, float64(u.writtenBytes-before[n].writtenBytes)/1000/idleFor.Seconds())
			}
		})
	}
}

// usage is what a process has used since it began, and what it holds.
type usage struct {
	cpu                         time.Duration
	residentBytes, writtenBytes int64
}

func used(t *testing.T, n *cluster.Node) usage {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(n.PID()), name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var u usage
	stat := read("stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // from the third field on
	for _, ticks := range fields[11:13] {
		n, err := strconv.Atoi(ticks)
		if err != nil {
			t.Fatal(err)
		}
		u.cpu += time.Duration(n) * (time.Second / 100) // USER_HZ is 100 on every Linux
	}
	for _, line := range strings.Split(read("status")+read("io"), "\n") {
		var value int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &value); err == nil {
			u.residentBytes = value << 10
		}
		if _, err := fmt.Sscanf(line, "write_bytes: %d", &value); err == nil {
			u.writtenBytes = value
		}
	}
	return u
}
