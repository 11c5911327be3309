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
	// stubborn, where set, is what the client does wrong.
	stubborn Stubbornness
	// first, where set, is where each request goes first, whatever redirects have said before.
	first func(key string) string
}

// redirectsMax is how often one request is sent on, as in the cluster clients of Redis.
const redirectsMax = 5

// Follower returns a client that follows MOVED, each request up to 5 times, and repeats nothing else.
func Follower(addrs []string) Client {
	return &overRESP{commander: &follower{addrs: addrs, at: addrs[0], conns: map[string]*Conn{}}}
}

func (f *follower) do(args []string) (reply any, err error) {
	f.begin(args)
	err = f.follow(func(conn *Conn) error {
		reply, err = conn.Do(RequestTimeout, args...)
		return err
	})
	return reply, err
}

func (f *follower) transact(t *transaction) error {
	f.begin(t.commands[0])
	return f.follow(func(conn *Conn) error { return conn.transact(t) })
}

// begin chooses where a request goes first.
func (f *follower) begin(args []string) {
	if f.first != nil {
		f.at = f.first(args[1])
	}
}

func (f *follower) follow(do func(*Conn) error) (err error) {
	asked := ""
	for range redirectsMax + 1 {
		if asked != "" {
			err = f.ask(asked, do)
		} else {
			err = f.once(do)
		}
		asked = ""
		var refused ServerError
		switch {
		case !errors.As(err, &refused):
			return err
		case strings.HasPrefix(string(refused), "MOVED "):
			f.at = strings.Fields(string(refused))[2]
		case strings.HasPrefix(string(refused), "ASK ") && f.stubborn == IgnoresASK:
		case strings.HasPrefix(string(refused), "ASK ") && f.stubborn == NeverAsks:
			f.at = strings.Fields(string(refused))[2]
		case strings.HasPrefix(string(refused), "ASK "):
			asked = strings.Fields(string(refused))[2]
		default:
			return err
		}
	}
	return err
}

// ask sends one request to where ASK has pointed; the next goes again to where the slot is served.
func (f *follower) ask(addr string, do func(*Conn) error) error {
	before := f.at
	defer func() { f.at = before }()
	f.at = addr
	return f.once(func(conn *Conn) error {
		if _, err := conn.Do(RequestTimeout, "ASKING"); err != nil {
			return err
		}
		return do(conn)
	})
}

func (f *follower) once(do func(*Conn) error) error {
	conn := f.conns[f.at]
	if conn != nil && conn.Closed() {
		conn.Close()
		conn = nil
	}
	if conn == nil {
		var err error
		if conn, err = Dial(f.at, RequestTimeout); err != nil {
			f.at = f.addrs[(index(f.addrs, f.at)+1)%len(f.addrs)]
			return errNotSent
		}
		f.conns[f.at] = conn
	}
	err := do(conn)
	if broken(err) {
		conn.Close()
		delete(f.conns, f.at)
	}
	return err
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
