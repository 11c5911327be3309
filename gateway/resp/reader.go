package resp

import "io"

// Reader cuts a byte stream into commands. Not safe for concurrent use.
//
// The caller's loop: Next until it says that more bytes are needed, then Fill; Release once the commands returned so
// far are done. Commands that come after an AUTH are to be read after it was executed, with the limits it earned.
type Reader struct {
	buffer
	limits Limits
	err    *ProtocolError // the first protocol error, given again by every Next

	state state
	// argsLeft is how many arguments are still to come.
	argsLeft int64
	// bulkBytes is the length of the bulk that begins at scan; valid in inBulk.
	bulkBytes int
	// spans are the arguments of the command being read. They take 8 bytes per argument where a slice takes 24, and stay
	// right when the bytes move.
	spans []span
	// argv holds the arguments of all commands since the last Release.
	argv [][]byte
}

// span is the range of one argument, relative to the first byte of its command.
type span struct{ from, to uint32 }

const (
	// argvFirst is the room for arguments of a new connection: some pipelined commands.
	argvFirst = 32
	// argvKept and spansKept bound what a connection keeps between commands: a pipeline of 300 SETs, 24 KiB and 8 KiB.
	argvKept  = 1024
	spansKept = 1024
)

// NewReader returns a Reader of the commands that come from r. It allocates its buffer when first filled.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{buffer: buffer{src: r, readBytes: readBytesFirst}, limits: l.withDefaults()}
}

// SetLimits changes the limits, between commands; what has been read of an incomplete command stays accepted.
func (r *Reader) SetLimits(l Limits) { r.limits = l.withDefaults() }

// Next returns the next whole command already buffered. ok=false: more bytes are needed (call Fill). err is a
// *ProtocolError: answer with its text, then close.
// The arguments point into the reader's buffers and stay valid, unmoved and unchanged, until Release, even across
// further Next and Fill calls.
func (r *Reader) Next() (args [][]byte, ok bool, err error) {
	for r.err == nil {
		whole, more := r.step()
		switch {
		case whole && len(r.spans) > 0:
			return r.take(), true, nil
		case whole:
			r.skip()
		case !more && r.err == nil:
			return nil, false, nil
		}
	}
	return nil, false, r.err
}

// Fill reads once from the source (one Read call), blocking. Only errors of the source come back (io.EOF, timeouts).
func (r *Reader) Fill() error {
	r.MakeRoom()
	return r.read()
}

// MakeRoom takes the memory that Fill reads into. Whoever wants to know what it comes to (Held) before Fill blocks calls it
// before.
func (r *Reader) MakeRoom() {
	if r.makeRoom() {
		r.argv = nil // it would keep the old array alive; those who hold commands from it have their own slices
	}
}

// Release says that no argument returned so far is used any more; buffers may be reused. It shrinks a buffer that one
// big command had grown.
func (r *Reader) Release() {
	shrunk := r.release()
	if shrunk || cap(r.argv) > argvKept {
		r.argv = nil
	}
	r.argv = r.argv[:0]
}

// Buffered returns the bytes held that are not yet cut into commands (a partial command).
func (r *Reader) Buffered() int { return r.end - r.start }

// Held is how much memory the reader takes for a command that is not whole yet, and for the arguments of those since the last
// Release. Those of the former count before they are made, since what has come as a whole cannot be refused for them.
func (r *Reader) Held() int {
	return len(r.buf) + cap(r.spans)*(spanBytes+argBytes) + cap(r.argv)*argBytes
}

const (
	// spanBytes is what the place of one argument takes.
	spanBytes = 8
	// argBytes is what a slice takes.
	argBytes = 24
)

// take returns the command that ends at scan, then goes on to the next.
func (r *Reader) take() [][]byte {
	n := len(r.spans)
	if cap(r.argv)-len(r.argv) < n {
		// Commands returned earlier keep the old array alive.
		r.argv = make([][]byte, 0, max(n, argvFirst, min(2*cap(r.argv), argvKept)))
	}
	first := len(r.argv)
	command := r.buf[r.start:r.scan]
	for _, s := range r.spans {
		r.argv = append(r.argv, command[s.from:s.to:s.to])
	}
	r.lent = true
	r.skip()
	return r.argv[first:len(r.argv):len(r.argv)]
}

// skip goes on to the command that begins at scan.
func (r *Reader) skip() {
	r.start, r.state = r.scan, atCommand
	r.spans = r.spans[:0]
	if cap(r.spans) > spansKept {
		r.spans = nil
	}
}
