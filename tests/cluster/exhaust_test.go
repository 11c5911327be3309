package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/workload"
)

const (
	// grownMax is what a node may take more than before while it is attacked: what it lets clients hold together
	// (--maxmemory-clients), twice as much again until the garbage collector has looked, and what it works on.
	grownMax   = 3*192<<20 + 128<<20
	exhaustMax = 64 // connections
)

// What clients send and do not end, or ask for and do not read, is bounded for each and for all of them together.
func TestClientsThatTakeAllTheyCanTakeNoMoreThanTheyMay(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Nodes: 1, Args: []string{
		"--maxclients", fmt.Sprint(exhaustMax), "--maxmemory-clients", "192mb",
	}})
	n := c.Nodes[0]
	bystander, err := workload.Dial(n.Addr.RESP, cluster.Deadline, []string{"CONFIG", "SET", "requirepass", "secret"}, []string{"AUTH", "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer bystander.Close()
	if reply, err := bystander.Do(cluster.Deadline, "SET", "big", strings.Repeat("v", 8<<20)); reply != "OK" {
		t.Fatalf("%v, %v", reply, err)
	}
	before := resident(t, n)
	alive := func(during string) {
		t.Helper()
		if reply, err := bystander.Do(cluster.Deadline, "STRLEN", "big"); reply != int64(8<<20) {
			t.Fatalf("%s: %v, %v", during, reply, err)
		}
		if now := resident(t, n); now > before+grownMax {
			t.Errorf("%s: the node takes %d MiB, %d before", during, now>>20, before>>20)
		}
	}
	login := "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n"
	for _, attack := range []struct{ name, send string }{
		{"refusals that nobody reads", strings.Repeat("SET x 5\r\n", 100000)},
		{"a password of 1 MiB", "*2\r\n$4\r\nAUTH\r\n$1048576\r\n" + strings.Repeat("p", 1<<20)},
		{"100 arguments of nobody", "*100\r\n" + strings.Repeat("$1\r\na\r\n", 100)},
		{"a million answers that nobody reads", login + strings.Repeat("PING\r\n", 1000000)},
		{"the largest value, a thousand times", login + strings.Repeat("GET big\r\n", 1000)},
		{"large values behind a write", login + strings.Repeat("SET y 1\r\n"+strings.Repeat("GET big\r\n", 15), 50)},
		{"half a value", login + "*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$8388608\r\n" + strings.Repeat("z", 8<<20-1)},
		{"a million arguments", login + "*1000000\r\n" + strings.Repeat("$1\r\na\r\n", 999999)},
	} {
		t.Run(attack.name, func(t *testing.T) {
			var conns []net.Conn
			defer func() {
				for _, conn := range conns {
					_ = conn.(*net.TCPConn).SetLinger(0) // a reset in mid-reply
					conn.Close()
				}
			}()
			send := []byte(attack.send)
			var writing sync.WaitGroup
			for range exhaustMax / 2 {
				conn, err := net.DialTimeout("tcp", n.Addr.RESP, cluster.Deadline)
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, conn)
				if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
					t.Fatal(err)
				}
				writing.Go(func() { _, _ = conn.Write(send) }) // the node may take less, or close
			}
			alive(attack.name)
			writing.Wait()
			alive(attack.name)
		})
	}
	t.Run("more clients than there may be", func(t *testing.T) {
		said := 0
		for range 2 * exhaustMax {
			conn, err := net.DialTimeout("tcp", n.Addr.RESP, cluster.Deadline)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("*")); err != nil {
				continue
			}
			if err := conn.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			line := make([]byte, 64)
			if count, _ := io.ReadAtLeast(conn, line, 1); bytes.HasPrefix(line[:count], []byte("-ERR max number of clients reached\r\n")) {
				said++
			}
		}
		if said == 0 {
			t.Error("nobody was told that there are too many clients")
		}
		alive("with all connections taken")
	})
	cluster.Eventually(t, "others are served again", func() error {
		conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline, []string{"AUTH", "secret"})
		if err != nil {
			return err
		}
		conn.Close()
		return nil
	})
	if strings.Contains(n.Log(), "panicked") {
		t.Error("a connection panicked")
	}
}

// resident is the memory that a node's process has, in bytes.
func resident(t *testing.T, n *cluster.Node) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("no /proc here")
	}
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kib, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
