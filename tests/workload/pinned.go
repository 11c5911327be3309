package workload

import (
	"errors"
	"fmt"
)

// pinned talks to one node, whoever leads, and connects again when the connection was lost.
type pinned struct {
	addr  string
	modes Modes
	conn  *Conn
	dials int
}

// Pinned returns a client that talks to one node only.
func Pinned(addr string, modes Modes) Client {
	return &overRESP{commander: &pinned{addr: addr, modes: modes}, stale: modes.Read == stale}
}

func (p *pinned) do(args []string) (reply any, err error) {
	err = p.use(func(conn *Conn) error {
		reply, err = conn.Do(RequestTimeout, args...)
		return err
	})
	return reply, err
}

func (p *pinned) transact(t *transaction) error {
	return p.use(func(conn *Conn) error { return conn.transact(t) })
}

// use does something on the connection, and drops it where it is of no use any more.
func (p *pinned) use(do func(*Conn) error) error {
	if p.conn == nil {
		conn, err := Dial(p.addr, RequestTimeout, p.modes.commands()...)
		if err != nil {
			return errNotSent
		}
		p.conn = conn
		p.dials++
	}
	err := do(p.conn)
	if broken(err) {
		p.conn.Close()
		p.conn = nil
	}
	return err
}

// broken tells whether an error leaves a connection in a state that nobody knows.
func broken(err error) bool {
	var refused ServerError
	return err != nil && (!errors.As(err, &refused) || errors.As(err, new(withheld)))
}

// connection tells the connections of this client apart.
func (p *pinned) connection() string { return fmt.Sprintf("%s#%d", p.addr, p.dials) }

func (p *pinned) Close() error {
	if p.conn == nil {
		return nil
	}
	return p.conn.Close()
}
