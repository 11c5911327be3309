package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/workload"
)

// probe writes to one shard without pause and follows redirects: what it cannot write, no client can.
type probe struct {
	addrs   []string
	timeout time.Duration // of one attempt at one node
	key     string

	at    string
	conns map[string]*workload.Conn
}

// redirectsMax is how often one request is sent on, as in the cluster clients of Redis.
const redirectsMax = 5

// write makes one attempt, redirects included.
func (p *probe) write(value string) error {
	var err error
	for range redirectsMax + 1 {
		if err = p.once(value); err == nil {
			return nil
		}
		var refused workload.ServerError
		if !errors.As(err, &refused) || !strings.HasPrefix(string(refused), "MOVED ") {
			break
		}
		p.at = strings.Fields(string(refused))[2]
	}
	p.next()
	return err
}

// next goes on with another node.
func (p *probe) next() {
	p.at = p.addrs[(slices.Index(p.addrs, p.at)+1)%len(p.addrs)]
}

func (p *probe) once(value string) error {
	conn := p.conns[p.at]
	if conn != nil && conn.Closed() {
		p.drop()
		conn = nil
	}
	if conn == nil {
		var err error
		if conn, err = workload.Dial(p.at, p.timeout); err != nil {
			return err
		}
		p.conns[p.at] = conn
	}
	reply, err := conn.Do(p.timeout, "SET", p.key, value)
	var refused workload.ServerError
	switch {
	case err == nil && reply != "OK":
		return fmt.Errorf("SET answered %v", reply)
	case err != nil && !errors.As(err, &refused):
		p.drop()
	}
	return err
}

func (p *probe) drop() {
	if conn := p.conns[p.at]; conn != nil {
		conn.Close()
		delete(p.conns, p.at)
	}
}

func (p *probe) close() {
	for _, conn := range p.conns {
		conn.Close()
	}
}
