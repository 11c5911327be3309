package resp

import "io"

const (
	// readBytesFirst is the buffer of a connection that sends one small command at a time: 10,000 of them take 40 MB.
	readBytesFirst = 4 << 10
	// readBytesMax is the buffer of one that fills what it is given; it is the MTU of Linux' loopback.
	readBytesMax = 64 << 10
	// bufferBytesKept is the most that a connection keeps while it is idle: twice readBytesMax, so that commands of up
	// to 64 KiB do not make it grow and shrink.
	bufferBytesKept = 2 * readBytesMax
	// readBytesShrunk is what it begins again with after a bigger one.
	readBytesShrunk = 16 << 10
	// roomBytesMin is the least room worth a system call while the buffer cannot be compacted.
	roomBytesMin = 512
)

// buffer holds the bytes from the source that are not yet cut into commands, and lends out those that are.
//
// Bytes move only while none of the current array is lent; else the incomplete command is copied to a new array and
// the old one belongs to those who hold its arguments. Each copy of n bytes is preceded by at least n/2 bytes received
// or consumed, so copying is linear in the input.
type buffer struct {
	src     io.Reader
	pending error // an error that came together with bytes: the next read's result

	// buf[start:end] is what was received and not yet cut into commands; nobody looks at buf[start:scan] again before
	// the command is whole. Invariant: start <= scan <= end <= len(buf).
	buf              []byte
	start, scan, end int
	// line is where the length line begins that is being read, if one is: then start <= line <= scan.
	line int
	// lent: arguments in buf are in use.
	lent bool
	// readBytes is the size of the next small buffer. It doubles when the source filled all room.
	readBytes int
}

// read makes one Read call into the room there is.
func (b *buffer) read() error {
	if err := b.pending; err != nil {
		b.pending = nil
		return err
	}
	n, err := b.src.Read(b.buf[b.end:])
	b.end += n
	if b.end == len(b.buf) {
		b.readBytes = min(2*b.readBytes, readBytesMax)
	}
	if n > 0 {
		b.pending = err
		return nil
	}
	return err
}

// makeRoom sees to it that there is room to read into. It reports whether buf is a new array.
func (b *buffer) makeRoom() (replaced bool) {
	held, size, room := b.end-b.start, len(b.buf), len(b.buf)-b.end
	movable := !b.lent && held <= size/2
	switch {
	case movable && size < b.readBytes: // the first buffer, or a larger one
	case movable && (held == 0 || room < size/4):
		b.compact()
		return false
	case room >= roomBytesMin, room > 0 && held > size/2:
		return false
	}
	b.replace(max(2*held, b.readBytes))
	return true
}

// release says that nothing in buf is lent. It reports whether buf is a new array, as after a big command.
func (b *buffer) release() (shrunk bool) {
	b.lent = false
	held := b.end - b.start
	if len(b.buf) <= bufferBytesKept || 2*held > bufferBytesKept {
		return false
	}
	b.readBytes = readBytesShrunk
	b.replace(max(2*held, b.readBytes))
	return true
}

// compact moves what is held to the beginning of buf.
func (b *buffer) compact() { b.moveTo(b.buf) }

// replace moves what is held to a new array.
func (b *buffer) replace(sizeBytes int) {
	b.moveTo(make([]byte, sizeBytes))
	b.lent = false // what is lent lies in the old array
}

func (b *buffer) moveTo(to []byte) {
	copy(to, b.buf[b.start:b.end])
	b.scan -= b.start
	b.line -= b.start
	b.end -= b.start
	b.start = 0
	b.buf = to
}
