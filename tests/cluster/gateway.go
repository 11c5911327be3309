package cluster

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
)

// Gateway runs a gateway in front of the cluster until the test ends, and returns its RESP address.
func (c *Cluster) Gateway() (resp string) {
	c.t.Helper()
	var addrs, join []string
	for range 3 {
		addr, err := FreeAddr()
		if err != nil {
			c.t.Fatalf("%v", err)
		}
		addrs = append(addrs, addr)
	}
	for _, n := range c.Nodes {
		join = append(join, n.Addr.GRPC)
	}
	p, err := startProcess(c.program, filepath.Join(c.Dir, "gateway.log"), "gateway", "--join", strings.Join(join, ","), "--resp", addrs[0], "--grpc", addrs[1], "--http", addrs[2])
	if err != nil {
		c.t.Fatalf("%v", err)
	}
	c.t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			c.t.Logf("gateway: %v", err)
		}
	})
	Eventually(c.t, "the gateway listens", func() error {
		if !p.Running() {
			return fmt.Errorf("it has ended: see %s", filepath.Join(c.Dir, "gateway.log"))
		}
		conn, err := net.Dial("tcp", addrs[0])
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return addrs[0]
}
