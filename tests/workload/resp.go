package workload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"
)

// Conn is one RESP connection to one node, without any cleverness.
type Conn struct {
	conn net.Conn
	read *bufio.Reader
}

// Push is what a server says of its own accord over RESP3.
type Push []any

// ServerError is an error reply.
type ServerError string

func (e ServerError) Error() string { return string(e) }

// Dial connects to a node and sends the commands of the set-up, each of which has to answer OK.
func Dial(addr string, timeout time.Duration, setup ...[]string) (*Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	c := &Conn{conn: conn, read: bufio.NewReader(conn)}
	for _, command := range setup {
		if reply, err := c.Do(timeout, command...); err != nil || reply != "OK" {
			conn.Close()
			return nil, fmt.Errorf("%q: %v, %w", command, reply, err)
		}
	}
	return c, nil
}

// Do sends one command and returns its reply: string, int64, nil or []any, or Push. An error reply is a ServerError;
// after any other error the connection is of no use.
func (c *Conn) Do(timeout time.Duration, args ...string) (any, error) {
	if err := c.Send(timeout, args...); err != nil {
		return nil, err
	}
	return c.Receive(timeout)
}

// Send sends one command and does not wait for its reply.
func (c *Conn) Send(timeout time.Duration, args ...string) error {
	command := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		command = fmt.Appendf(command, "$%d\r\n%s\r\n", len(a), a)
	}
	return c.SendRaw(timeout, command)
}

// SendRaw sends bytes.
func (c *Conn) SendRaw(timeout time.Duration, data []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(data)
	return err
}

// Receive returns the next reply.
func (c *Conn) Receive(timeout time.Duration) (any, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return nil, err
	}
	return c.reply()
}

func (c *Conn) reply() (any, error) {
	line, err := c.read.ReadString('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 3 {
		return nil, fmt.Errorf("reply %q", line)
	}
	rest := line[1 : len(line)-2]
	switch line[0] {
	case '+':
		return rest, nil
	case '-':
		return nil, ServerError(rest)
	case ':':
		return strconv.ParseInt(rest, 10, 64)
	case '$':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return nil, err
		}
		value := make([]byte, n+2)
		_, err = io.ReadFull(c.read, value)
		return string(value[:n]), err
	case '_':
		return nil, nil
	case '*', '~', '>', '%':
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return nil, err
		}
		if line[0] == '%' {
			n *= 2
		}
		list := make([]any, n)
		for i := range list {
			list[i], err = c.reply()
			if refused := ServerError(""); errors.As(err, &refused) {
				list[i], err = refused, nil // the rest of the list follows
			}
			if err != nil {
				return nil, err
			}
		}
		if line[0] == '>' {
			return Push(list), nil
		}
		return list, nil
	}
	return nil, fmt.Errorf("reply %q", line)
}

// Closed tells whether the other side has closed the connection, as far as is known here without asking. A library looks
// too before it sends on a connection that was idle.
func (c *Conn) Closed() bool {
	if err := c.conn.SetReadDeadline(time.Now().Add(100 * time.Microsecond)); err != nil {
		return true
	}
	_, err := c.read.Peek(1)
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}

// transact does a transaction. A connection on which it failed has to be closed.
func (c *Conn) transact(t *transaction) error {
	steps := [][]string{{"MULTI"}}
	if t.watch != "" {
		if _, err := c.Do(RequestTimeout, "WATCH", t.watch); err != nil {
			return withheld{err}
		}
		reply, err := c.Do(RequestTimeout, "GET", t.watch)
		if err != nil {
			return withheld{err}
		}
		t.value, t.found = reply.(string)
	}
	for _, step := range append(steps, t.commands...) {
		if _, err := c.Do(RequestTimeout, step...); err != nil {
			return withheld{err}
		}
	}
	reply, err := c.Do(RequestTimeout, "EXEC")
	if err != nil {
		return err
	}
	t.replies, _ = reply.([]any)
	for _, r := range t.replies {
		if refused, ok := r.(ServerError); ok {
			return fmt.Errorf("a part of EXEC: %w", refused)
		}
	}
	return nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }
