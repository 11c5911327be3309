package workload

import (
	"errors"
	"strings"
)

// follower keeps a connection to each node it was sent to, and follows redirects.
type follower struct {
	addrs []string
	conns map[string]*Conn
	at    string
}

// redirectsMax is how often one request is sent on, as in the cluster clients of Redis.
const redirectsMax = 5

// Follower returns a client that follows MOVED, each request up to 5 times, and repeats nothing else.
func Follower(addrs []string) Client {
	return &follower{addrs: addrs, at: addrs[0], conns: map[string]*Conn{}}
}

func (f *follower) do(args []string) (any, error) {
	var reply any
	var err error
	for range redirectsMax + 1 {
		reply, err = f.once(args)
		var refused ServerError
		if !errors.As(err, &refused) || !strings.HasPrefix(string(refused), "MOVED ") {
			return reply, err
		}
		f.at = strings.Fields(string(refused))[2]
	}
	return reply, err
}

func (f *follower) once(args []string) (any, error) {
	conn := f.conns[f.at]
	if conn != nil && conn.Closed() {
		conn.Close()
		conn = nil
	}
	if conn == nil {
		var err error
		if conn, err = Dial(f.at, RequestTimeout); err != nil {
			f.at = f.addrs[(index(f.addrs, f.at)+1)%len(f.addrs)]
			return nil, errNotSent
		}
		f.conns[f.at] = conn
	}
	reply, err := conn.Do(RequestTimeout, args...)
	var refused ServerError
	if err != nil && !errors.As(err, &refused) {
		conn.Close()
		delete(f.conns, f.at)
	}
	return reply, err
}

func index(list []string, s string) int {
	for i, one := range list {
		if one == s {
			return i
		}
	}
	return 0
}

func (f *follower) Close() error {
	for _, conn := range f.conns {
		conn.Close()
	}
	return nil
}
