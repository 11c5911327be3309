package system

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Gateway starts a `holt gateway` in front of a cluster that `holt dev` runs. Its CPU time is that of gateway and cluster together.
func (r *Running) Gateway(ctx context.Context, program, dir string) (*Running, error) {
	port, err := freePort(0, 1, 2)
	if err != nil {
		return nil, err
	}
	var join []string
	for _, addr := range r.Addrs {
		host, first, ok := strings.Cut(addr, ":")
		var resp int
		if _, err := fmt.Sscan(first, &resp); err != nil || !ok {
			return nil, fmt.Errorf("address %s of a node: want host:port", addr)
		}
		join = append(join, fmt.Sprintf("%s:%d", host, resp+100)) // see `holt dev --help`
	}
	at := func(offset int) string { return fmt.Sprintf("127.0.0.1:%d", port+offset) }
	p, err := start(filepath.Join(dir, "gateway.log"), nil, program, "gateway", "--join", strings.Join(join, ","), "--resp", at(0), "--grpc", at(1), "--http", at(2))
	if err != nil {
		return nil, err
	}
	g := &Running{Addr: at(0), Addrs: []string{at(0)}, PIDs: append([]int{p.pid()}, r.PIDs...), processes: []*process{p}}
	err = g.await(ctx, "start of the gateway", func() error {
		_, err := ask(ctx, g.Addr, "DBSIZE")
		return err
	})
	if err != nil {
		return nil, errors.Join(err, g.Stop())
	}
	return g, nil
}
