package system

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/gateway/resp"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/tests/bench/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCPUTimeIsFoundBehindAnyNameOfAProgram(t *testing.T) {
	for _, c := range []struct {
		stat string
		want time.Duration
		bad  bool
	}{
		{stat: "12 (holt) S 1 12 12 0 -1 4194304 1 2 3 4 250 50 7 8 20 0", want: 3 * time.Second},
		{stat: "12 (a) S (b c) R 1 12 12 0 -1 4194304 1 2 3 4 1 2 7 8 20 0", want: 30 * time.Millisecond},
		{stat: "12 (holt) S 1 12", bad: true},
		{stat: "12 (holt) S 1 12 12 0 -1 4194304 1 2 3 4 x 50 7 8 20 0", bad: true},
		{stat: "", bad: true},
	} {
		got, err := parseStat([]byte(c.stat))
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%q: got %v, %v, want %v, error: %v", c.stat, got, err, c.want, c.bad)
		}
	}
	if _, err := CPUTime(os.Getpid()); err != nil {
		t.Errorf("CPU time of this process: %v", err)
	}
}

func TestFiguresAreFoundInWhatTheKernelAndServersTell(t *testing.T) {
	if got, err := parseResident("Name:\tholt\nVmRSS:\t    2048 kB\nThreads:\t7\n"); got != 2<<20 || err != nil {
		t.Errorf("VmRSS: got %d, %v, want %d", got, err, 2<<20)
	}
	if _, err := parseResident("Name:\tholt\n"); err == nil {
		t.Error("a status without VmRSS has a size")
	}
	const info = "# Memory\r\nused_memory_rss:7\r\nused_memory:123\r\n"
	if got, err := parseInfo(info, "used_memory"); got != 123 || err != nil {
		t.Errorf("used_memory: got %d, %v, want 123", got, err)
	}
	if _, err := parseInfo(info, "memory"); err == nil {
		t.Error("a field that is not there has a value")
	}
}

func TestLeadersAreSpreadWhenNoNodeLeadsTwoMoreThanAnother(t *testing.T) {
	row := func(port int64) resp.Value {
		return resp.Array(resp.Int(0), resp.Int(1), resp.Array(resp.BulkString("127.0.0.1"), resp.Int(port)))
	}
	for _, c := range []struct {
		ports  []int64
		spread bool
	}{
		{[]int64{1, 2, 3}, true},
		{[]int64{1, 2}, true}, // two shards, three nodes
		{[]int64{1, 1, 2}, false},
		{[]int64{1, 1, 2, 3}, true},
		{nil, false},
	} {
		var rows []resp.Value
		for _, port := range c.ports {
			rows = append(rows, row(port))
		}
		if err := spread(resp.Array(rows...), 3); (err == nil) != c.spread {
			t.Errorf("leaders at %v: got %v, want spread: %v", c.ports, err, c.spread)
		}
	}
	if err := spread(resp.Array(resp.Array(resp.Int(0), resp.Int(1))), 3); err == nil {
		t.Error("a range without a leader counts as spread")
	}
}

func TestRedisTakesWritesAndEndsWithItsFollowers(t *testing.T) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	r, err := Redis("redis-always", program, "always", 1).Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t.Context(), r.Addr, "SET", "k", "v"); err != nil {
		t.Error(err)
	}
	if len(r.PIDs) != 2 {
		t.Errorf("%d processes, want 2", len(r.PIDs))
	}
	if err := r.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := ask(t.Context(), r.Addr, "PING"); err == nil {
		t.Error("it answers after Stop")
	}
}

func TestSlotsOfARedisClusterMoveWithTheirKeys(t *testing.T) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	redisCLI, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Skip("redis-cli is not installed (Debian: apt-get install redis-tools)")
	}
	r, err := RedisCluster("redis", program, "", 2).Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.Stop(); err != nil {
			t.Error(err)
		}
	}()
	s := load.Spec{Op: load.OpSet, Conns: 1, Pipeline: 1, ValueBytes: 8, Keys: 100, Slots: []slot.Range{{First: 0, Last: 9}}}
	if err := r.Fill(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := r.Reshard(t.Context(), redisCLI, t.TempDir(), 10, 10); err != nil {
		t.Fatal(err)
	}
	if reply, err := ask(t.Context(), r.Addrs[1], "DBSIZE"); err != nil || reply.Int != 100 {
		t.Errorf("the second master has %d keys (%v), want 100", reply.Int, err)
	}
	if err := r.Reshard(t.Context(), "false", t.TempDir(), 10, 10); err == nil {
		t.Error("a program that fails is no error")
	}
}

func TestMigrationIsOverWhenAllThatBeganHaveEnded(t *testing.T) {
	committed, running := clusterv1.MigrationPhase_MIGRATION_PHASE_COMMITTED, clusterv1.MigrationPhase_MIGRATION_PHASE_RUNNING
	for _, c := range []struct {
		migrations     []*clusterv1.Migration
		decided, ended bool
	}{
		{nil, false, false}, // the node has not heard of them
		{[]*clusterv1.Migration{{Id: 1, Phase: committed, Ended: true}}, false, false},
		{[]*clusterv1.Migration{{Id: 1, Phase: committed, Ended: true}, {Id: 2, Phase: running}}, false, false},
		{[]*clusterv1.Migration{{Id: 1, Phase: committed, Ended: true}, {Id: 2, Phase: committed}}, true, false},
		{[]*clusterv1.Migration{{Id: 1, Phase: committed, Ended: true}, {Id: 2, Phase: committed, Ended: true}, {Id: 3, Phase: running}}, true, true},
	} {
		decided, ended, err := standing(&clusterv1.ListMigrationsResponse{Migrations: c.migrations}, []uint64{1, 2})
		if decided != c.decided || ended != c.ended || err != nil {
			t.Errorf("%v: got decided: %v, ended: %v, %v, want %v, %v", c.migrations, decided, ended, err, c.decided, c.ended)
		}
	}
	aborted := &clusterv1.Migration{Id: 1, Phase: clusterv1.MigrationPhase_MIGRATION_PHASE_ABORTED, Reason: "asked for"}
	if _, _, err := standing(&clusterv1.ListMigrationsResponse{Migrations: []*clusterv1.Migration{aborted}}, []uint64{1}); err == nil {
		t.Error("an aborted migration is no error")
	}
}

func TestProcessThatEndsAtOnceIsReportedWithItsLastWords(t *testing.T) {
	p, err := start(filepath.Join(t.TempDir(), "log"), nil, "sh", "-c", "echo out of luck; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	r := &Running{processes: []*process{p}}
	err = r.await(t.Context(), "start of sh", func() error { return os.ErrNotExist })
	if want := "start of sh: sh ended; its last words: out of luck"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := r.Stop(); err == nil {
		t.Error("Stop does not tell of the exit status")
	}
}

func TestClientOfEtcdTellsOfTheWindowAndThenItsFigures(t *testing.T) {
	edges := 0
	lines := "edge\nedge\n" + `{"elapsed_ns":2000000000,"client_cpu_ns":5000,"failed":1,"missing":2,"first_error":"e","latencies_ns":[1000,3000]}` + "\n"
	r, err := readEtcdLoad(bufio.NewReader(strings.NewReader(lines)), func() { edges++ })
	if err != nil {
		t.Fatal(err)
	}
	if edges != 2 || r.Latency.Count() != 2 || r.Rate() != 1 || r.ClientCPU != 5*time.Microsecond || r.Failed != 1 || r.Missing != 2 || r.FirstError != "e" {
		t.Errorf("got %d edges, %+v", edges, r)
	}
	for _, bad := range []string{"", "edge\n", "panic: no\n"} {
		if _, err := readEtcdLoad(bufio.NewReader(strings.NewReader(bad)), nil); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}
