//go:build !race

package socket

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// callBytesMax bounds one system call: the processor is not given to anyone else during it.
const callBytesMax = 256 << 10

// conn is a TCP connection. What is neither Read nor Write is package net's.
type conn struct {
	*net.TCPConn
	raw     syscall.RawConn
	in, out transfer
}

var _ net.Conn = (*conn)(nil)

// Wrap makes a TCP connection one of this package. It returns any other as it is.
func Wrap(c net.Conn) net.Conn {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	w := &conn{TCPConn: tcp, raw: raw}
	w.in.step, w.out.step = w.in.read, w.out.write
	return w
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.in.run(c.raw.Read, b)
	switch {
	case err != nil:
		return n, c.explain("read", err)
	case n == 0 && len(b) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	n, err := c.out.run(c.raw.Write, b)
	if err != nil {
		return n, c.explain("write", err)
	}
	return n, nil
}

// explain says of an error number what package net would. An error of package net says it already.
func (c *conn) explain(op string, err error) error {
	if errno, ok := err.(syscall.Errno); ok {
		return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError(op, errno)}
	}
	return err
}

// transfer is one direction of a connection. It is kept with the connection, so that a call needs no memory.
type transfer struct {
	step func(fd uintptr) (done bool) // read or write, which return false where they would block

	mu    sync.Mutex // held across a call, as package net does; protects the fields below
	bytes []byte
	n     int
	errno syscall.Errno
}

// run steps until the call is done, or cut short by package net: a deadline, say. The socket counts as ready until a
// step has said otherwise.
func (t *transfer) run(await func(func(uintptr) bool) error, b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes, t.n, t.errno = b, 0, 0
	err := await(t.step)
	t.bytes = nil
	if err == nil && t.errno != 0 {
		err = t.errno
	}
	return t.n, err
}

func (t *transfer) read(fd uintptr) bool {
	for {
		n, again := t.call(syscall.SYS_READ, fd, t.bytes)
		if again {
			continue
		}
		t.n = max(n, 0)
		return n >= 0 || t.errno != 0
	}
}

func (t *transfer) write(fd uintptr) bool {
	for t.n < len(t.bytes) {
		n, again := t.call(syscall.SYS_WRITE, fd, t.bytes[t.n:])
		if again {
			continue
		}
		if n < 0 {
			return t.errno != 0
		}
		t.n += n
	}
	return true
}

// call is one system call, unannounced. It returns -1 where that has failed, or would block: then errno is not set.
func (t *transfer) call(number, fd uintptr, b []byte) (n int, again bool) {
	done, _, errno := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(min(len(b), callBytesMax)))
	switch errno {
	case 0:
		return int(done), false
	case syscall.EINTR:
		return -1, true
	case syscall.EAGAIN:
		return -1, false
	}
	t.errno = errno
	return -1, false
}
