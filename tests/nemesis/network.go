package nemesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
)

// Network is a network on this machine: hosts, each a network namespace of its own, and the clients, which is this
// process with whatever else runs where it does. Every packet between two of them passes a router, a namespace too, and
// that is where faults of the network are: nothing that runs on a host can see them but by what arrives.
//
//	clients .254 ──┐
//	host 1    .1 ──┤ router .253
//	host 2    .2 ──┘
type Network struct {
	hosts  int
	prefix string // "holt-4a1f", begins the names of namespaces and that of the clients' interface
	subnet netip.Prefix
	faults atomic.Int64 // counts what faults give names to
}

const (
	// Clients is the number of the clients where hosts, which are numbered from 1, have theirs.
	Clients = 0

	hostsMax  = 100
	routerIP  = 253
	clientsIP = 254
)

// NewNetwork makes a network, which is undone at the end of the test and when the test binary dies. The test is skipped
// where that is impossible.
func NewNetwork(t T, hosts int) *Network {
	t.Helper()
	Need(t, &Cut{name: "network"})
	n, err := makeNetwork(hosts, t.Cleanup)
	if err != nil {
		t.Fatalf("network of %d hosts: %v", hosts, err)
	}
	return n
}

// networkTries is how many subnets are tried: another test may have the same idea.
const networkTries = 10

func makeNetwork(hosts int, cleanup func(func())) (*Network, error) {
	if hosts < 1 || hosts > hostsMax {
		return nil, fmt.Errorf("%d hosts: a network has 1 to %d", hosts, hostsMax)
	}
	var last error
	for range networkTries {
		second, third := byte(64+rand.IntN(64)), byte(rand.IntN(256))
		n := &Network{
			hosts: hosts, prefix: fmt.Sprintf("holt-%02x%02x", second, third),
			subnet: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, second, third, 0}), 24),
		}
		if last = n.make(cleanup); !errors.Is(last, errTaken) {
			return n, last
		}
	}
	return nil, last
}

var errTaken = errors.New("another network is there")

func (n *Network) make(cleanup func(func())) error {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Overlaps(n.subnet) {
			return fmt.Errorf("%v: %w", n.subnet, errTaken)
		}
	}
	if err := command("ip", "netns", "add", n.routerName()); err != nil {
		return errors.Join(errTaken, err) // two that want the same name meet here
	}
	if err := guard(cleanup, func() bool { return false }, undoNetwork, n.prefix); err != nil {
		return err
	}
	var names strings.Builder
	for host := 1; host <= n.hosts; host++ {
		fmt.Fprintf(&names, "netns add %s\n", n.name(host))
	}
	if _, err := commandWith(names.String(), "ip", "-batch", "-"); err != nil {
		return err
	}
	return errors.Join(n.connectClients(), n.connectHosts())
}

// undoNetwork is what the guard of a network does. What ran on the hosts may still be on its way out; the namespaces go
// when it has gone, and their interfaces with them.
const undoNetwork = `ip link del "$0"; ip netns list | while read -r name rest; do case $name in "$0"-*) ip netns del "$name";; esac; done`

func (n *Network) routerName() string { return n.prefix + "-router" }

func (n *Network) name(host int) string { return fmt.Sprintf("%s-%d", n.prefix, host) }

// link is the router's interface to a host, or to the clients.
func link(host int) string { return fmt.Sprint("to-", host) }

// routing turns on what a router does. Packets may come from where none would be sent to, as delayed ones do.
const routing = `cd /proc/sys/net/ipv4 && echo 0 >conf/all/rp_filter && echo 0 >conf/default/rp_filter && echo 1 >ip_forward`

func (n *Network) connectClients() error {
	if err := n.onRouter("sh", "-c", routing); err != nil {
		return err
	}
	_, err := commandWith(fmt.Sprintf(`link add %[1]s type veth peer name %[2]s netns %[3]s
addr add %[4]s peer %[5]s dev %[1]s
link set %[1]s up
route add %[6]s via %[5]s
`, n.prefix, link(Clients), n.routerName(), n.IP(Clients), n.ip(routerIP), n.subnet), "ip", "-batch", "-")
	return err
}

func (n *Network) connectHosts() error {
	var router strings.Builder
	router.WriteString("link set lo up\n")
	for host := Clients; host <= n.hosts; host++ {
		if host != Clients {
			fmt.Fprintf(&router, "link add %s type veth peer name eth0 netns %s\n", link(host), n.name(host))
		}
		fmt.Fprintf(&router, "addr add %s peer %s dev %s\nlink set %[3]s up\n", n.ip(routerIP), n.IP(host), link(host))
	}
	if _, err := commandWith(router.String(), "ip", "-n", n.routerName(), "-batch", "-"); err != nil {
		return err
	}
	for host := 1; host <= n.hosts; host++ {
		_, err := commandWith(fmt.Sprintf(`link set lo up
addr add %s peer %s dev eth0
link set eth0 up
route add %s via %[2]s
`, n.IP(host), n.ip(routerIP), n.subnet), "ip", "-n", n.name(host), "-batch", "-")
		if err != nil {
			return err
		}
	}
	return nil
}

// Hosts is how many there are.
func (n *Network) Hosts() int { return n.hosts }

// IP is the address of a host, or of the clients.
func (n *Network) IP(host int) netip.Addr {
	if host == Clients {
		return n.ip(clientsIP)
	}
	return n.ip(byte(host))
}

func (n *Network) ip(last byte) netip.Addr {
	bytes := n.subnet.Addr().As4()
	bytes[3] = last
	return netip.AddrFrom4(bytes)
}

// Under is the command that runs a program on a host. It ends by executing the program, so the process id is the
// program's.
func (n *Network) Under(host int) []string { return under(n.name(host)) }

func under(namespace string) []string {
	return []string{"nsenter", "--net=" + namespacePath(namespace)}
}

func namespacePath(namespace string) string { return "/run/netns/" + namespace }

// onRouter runs a program of the system on the router.
func (n *Network) onRouter(args ...string) error {
	_, err := n.onRouterWith("", args...)
	return err
}

func (n *Network) onRouterWith(input string, args ...string) (string, error) {
	run := append(under(n.routerName()), args...)
	return commandWith(input, run[0], run[1:]...)
}

// missingNetwork tries everything once.
var missingNetwork = sync.OnceValue(func() error {
	if err := missingCommands("ip", "iptables-save", "iptables-restore", "nsenter", "sh"); err != nil {
		return err
	}
	var undo []func()
	defer func() {
		for _, f := range undo {
			f()
		}
	}()
	n, err := makeNetwork(2, func(f func()) { undo = append(undo, f) })
	if err != nil {
		return fmt.Errorf("no network namespaces: %w", err)
	}
	cut := n.Isolate(1).Refusing()
	if err := errors.Join(cut.Begin(), cut.End()); err != nil {
		return fmt.Errorf("no packet filter: %w", err)
	}
	return nil
})
