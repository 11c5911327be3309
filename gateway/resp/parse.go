package resp

import "bytes"

// state says which element of the protocol begins, or goes on, at scan.
type state byte

const (
	atCommand state = iota // at the first byte of a command
	inInline               // looking for the end of an inline request
	inCount                // looking for the end of a line like *3
	atBulk                 // at the '$' of an argument
	inLength               // looking for the end of a line like $5
	inBulk                 // waiting for the bytes of an argument
)

// step reads one element of the protocol. whole: a command ends at scan. more: there may be something further to do
// with the bytes at hand.
func (r *Reader) step() (whole, more bool) {
	if r.scan == r.end && r.state != inBulk {
		return false, false
	}
	switch r.state {
	case atCommand:
		return false, r.readType()
	case inInline:
		return r.readInline(), false
	case inCount:
		return r.readCount()
	case atBulk:
		if c := r.buf[r.scan]; c != '$' {
			return r.fail(errExpected('$', c)), false
		}
		r.line, r.scan, r.state = r.scan, r.scan+1, inLength
		return false, true
	case inLength:
		return false, r.readLength()
	}
	return r.readBulk()
}

// readType decides by the first byte what kind of request begins. It moves over that byte of an array only.
func (r *Reader) readType() bool {
	switch c := r.buf[r.scan]; c {
	case '*':
		r.line, r.scan, r.state = r.scan, r.scan+1, inCount
	case '%', '~', '>', '_', '(', '#', ',', '=', '|', '!', '$', '+', '-', ':':
		return r.fail(errExpected('*', c))
	case 0x16: // a TLS record with a handshake in it, RFC 8446 §5.1
		return r.fail(ErrTLSOnPlainPort)
	default:
		r.state = inInline
	}
	return true
}

func (r *Reader) readInline() (whole bool) {
	i := bytes.IndexByte(r.buf[r.scan:r.end], '\n')
	lineEnd := r.scan + i
	if i < 0 {
		lineEnd = r.end
	}
	r.scan = lineEnd
	if lineEnd-r.start > r.limits.InlineBytesMax {
		return r.fail(errTooBigInline)
	}
	if i < 0 {
		return false
	}
	r.scan++
	line := r.buf[r.start:lineEnd]
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if !splitInline(line, r.addSpan) {
		return r.fail(errUnbalancedQuotes)
	}
	if len(r.spans) == 0 {
		return true
	}
	if err := r.limits.checkCount(int64(len(r.spans))); err != nil {
		return r.fail(err)
	}
	if first := r.spans[0]; isCrossProtocol(line[first.from:first.to]) {
		return r.fail(ErrCrossProtocol)
	}
	return true
}

func (r *Reader) readCount() (whole, more bool) {
	n, ok := r.lengthLine(errTooBigCountLine, errInvalidCount)
	if !ok {
		return false, false
	}
	if err := r.limits.checkCount(n); err != nil {
		return r.fail(err), false
	}
	r.argsLeft, r.state = n, atBulk
	return n <= 0, true
}

func (r *Reader) readLength() bool {
	n, ok := r.lengthLine(errTooBigBulkLine, errInvalidBulk)
	if !ok {
		return false
	}
	if err := r.limits.checkBulk(n); err != nil {
		return r.fail(err)
	}
	if int(n) > r.limits.QueryBufferBytesMax-(r.scan-r.start)-len("\r\n") {
		return r.fail(errQueryBuffer(r.limits.QueryBufferBytesMax))
	}
	r.bulkBytes, r.state = int(n), inBulk
	return true
}

func (r *Reader) readBulk() (whole, more bool) {
	bulkEnd := r.scan + r.bulkBytes
	if bulkEnd < r.end && r.buf[bulkEnd] != '\r' {
		return r.fail(errBulkNotEnded), false
	}
	if bulkEnd+1 >= r.end {
		return false, false
	}
	if r.buf[bulkEnd+1] != '\n' {
		return r.fail(errBulkNotEnded), false
	}
	r.addSpan(r.scan-r.start, bulkEnd-r.start)
	r.scan, r.state = bulkEnd+2, atBulk
	r.argsLeft--
	return r.argsLeft == 0, true
}

// lengthLine reads the number in the line that began at r.line with its type; scan is where its \r may be next.
// ok=false: bytes are missing, or r.err is set.
func (r *Reader) lengthLine(tooBig, invalid *ProtocolError) (n int64, ok bool) {
	i := bytes.IndexByte(r.buf[r.scan:r.end], '\r')
	lineEnd := r.scan + i
	if i < 0 {
		lineEnd = r.end
	}
	r.scan = lineEnd
	if lineEnd-r.line > r.limits.InlineBytesMax {
		return 0, r.fail(tooBig)
	}
	if i < 0 || lineEnd+1 == r.end {
		return 0, false
	}
	n, ok = parseLength(r.buf[r.line+1 : lineEnd])
	if !ok || r.buf[lineEnd+1] != '\n' {
		return 0, r.fail(invalid)
	}
	r.scan += len("\r\n")
	return n, true
}

func (r *Reader) addSpan(from, to int) {
	r.spans = append(r.spans, span{uint32(from), uint32(to)})
}

// fail ends the connection's life as far as the Reader goes. It returns false, for callers that report success.
func (r *Reader) fail(err *ProtocolError) bool {
	r.err = err
	return false
}
