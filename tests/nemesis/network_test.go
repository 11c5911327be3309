package nemesis

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// networkMaker in the environment makes this program one that makes a network, says its name, and leaves it behind when
// its input ends.
const networkMaker = "HOLT_NEMESIS_NETWORK"

func leaveNetwork() error {
	n, err := makeNetwork(2, func(func()) {})
	if err != nil {
		return err
	}
	fmt.Println(n.prefix)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func TestNetworkIsUndoneWhenItsMakerDies(t *testing.T) {
	Need(t, &Cut{name: "network"})
	maker := exec.Command(os.Args[0])
	maker.Env = append(os.Environ(), networkMaker+"=1")
	maker.Stderr = os.Stderr
	input, err := maker.StdinPipe()
	must(t, err)
	defer input.Close()
	out, err := maker.StdoutPipe()
	must(t, err)
	must(t, maker.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	prefix := strings.TrimSpace(line)
	if err := gone(prefix); err == nil {
		t.Errorf("there is no network %s", prefix)
	}
	must(t, maker.Process.Kill())
	_ = maker.Wait()
	eventually(t, func() error { return gone(prefix) })
}

// gone is nil where nothing is left of a network.
func gone(prefix string) error {
	if _, err := net.InterfaceByName(prefix); err == nil {
		return fmt.Errorf("the interface %s is there", prefix)
	}
	names, err := filepath.Glob(namespacePath(prefix + "-*"))
	if err == nil && len(names) > 0 {
		return fmt.Errorf("there are %v", names)
	}
	return err
}

func TestHostsOfANetworkAreItsOwn(t *testing.T) {
	n := NewNetwork(t, 2)
	seen := map[string]bool{}
	for host := Clients; host <= n.Hosts(); host++ {
		seen[n.IP(host).String()] = true
	}
	if len(seen) != 3 {
		t.Errorf("addresses: %v", seen)
	}
	here, err := os.Readlink("/proc/self/ns/net")
	must(t, err)
	for host := 1; host <= n.Hosts(); host++ {
		run := append(n.Under(host), "readlink", "/proc/self/ns/net")
		there, err := commandWith("", run[0], run[1:]...)
		must(t, err)
		if seen[there] || strings.TrimSpace(there) == here {
			t.Errorf("host %d is in a namespace of others: %s", host, there)
		}
		seen[there] = true
	}
}
