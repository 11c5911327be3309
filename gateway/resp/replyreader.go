package resp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// Limits of a reply: a server that went wrong must not take its client along.
const (
	// replyDepthMax is how deep replies nest; those of Redis' own commands stay below ten.
	replyDepthMax = 32
	// replyLineBytesMax is the longest line: a text, an error, a number.
	replyLineBytesMax = 64 << 10
	// replyBulkBytesMax is Redis' proto-max-bulk-len.
	replyBulkBytesMax = 512 << 20
	// replyElemsMax is the most values in one reply, those of attributes included: KEYS of a few million keys.
	replyElemsMax = 4 << 20
	// replyBulkStepBytes is how much room a bulk gets before any of its bytes arrived.
	replyBulkStepBytes = 64 << 10
	// replyElemsStep is the same for the elements of an aggregate.
	replyElemsStep = 16
)

// ReplyReader reads the replies of a server in RESP2 or RESP3. Not safe for concurrent use.
type ReplyReader struct {
	src   *bufio.Reader
	elems int   // values of this reply so far
	err   error // the error that left the stream out of step, given again by every Read
}

// NewReplyReader returns a reader of the replies that come from r.
func NewReplyReader(r io.Reader) *ReplyReader {
	return &ReplyReader{src: bufio.NewReaderSize(r, replyLineBytesMax)}
}

// Read returns the next reply, push messages included; attributes are skipped. An error of the source before the first
// byte of a reply (a time out, io.EOF) comes back as it is, and Read may be tried again. After any other error, a
// *ProtocolError or one in the middle of a reply, Read keeps returning it.
func (r *ReplyReader) Read() (Value, error) {
	if r.err != nil {
		return Value{}, r.err
	}
	if _, err := r.src.Peek(1); err != nil {
		return Value{}, err
	}
	r.elems = 0
	v, err := r.value(0)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	r.err = err
	return v, err
}

// Buffered returns how many bytes of further replies have been read ahead.
func (r *ReplyReader) Buffered() int { return r.src.Buffered() }

// value reads one value. The recursion ends at replyDepthMax.
func (r *ReplyReader) value(depth int) (Value, error) {
	if depth > replyDepthMax {
		return Value{}, badReply("nested deeper than %d", replyDepthMax)
	}
	for {
		sign, text, err := r.line()
		if err != nil {
			return Value{}, err
		}
		if sign != '|' {
			return r.typed(sign, text, depth)
		}
		if _, err := r.aggregate(KindMap, text, depth); err != nil {
			return Value{}, err
		}
	}
}

// typed reads the value whose first line, after its type, is text.
func (r *ReplyReader) typed(sign byte, text []byte, depth int) (Value, error) {
	switch sign {
	case '+':
		return Value{Kind: KindSimple, Str: bytes.Clone(text)}, nil
	case '-':
		return Value{Kind: KindError, Str: bytes.Clone(text)}, nil
	case '$':
		return r.bulk(KindBulk, text)
	case '!':
		return r.bulk(KindError, text)
	case '=':
		return r.bulk(KindVerbatim, text)
	case '*':
		return r.aggregate(KindArray, text, depth)
	case '%':
		return r.aggregate(KindMap, text, depth)
	case '~':
		return r.aggregate(KindSet, text, depth)
	case '>':
		return r.aggregate(KindPush, text, depth)
	}
	return scalar(sign, text)
}

// scalar reads a value that is no more than its line.
func scalar(sign byte, text []byte) (Value, error) {
	switch sign {
	case ':':
		if n, ok := parseLength(text); ok {
			return Int(n), nil
		}
	case '_':
		if len(text) == 0 {
			return Null(), nil
		}
	case '#':
		if len(text) == 1 && (text[0] == 't' || text[0] == 'f') {
			return Bool(text[0] == 't'), nil
		}
	case ',':
		if f, err := strconv.ParseFloat(string(text), 64); err == nil && !bytes.ContainsAny(text, "xX_") {
			return Double(f), nil
		}
	case '(':
		if isBigNumber(text) {
			return Value{Kind: KindBigNumber, Str: bytes.Clone(text)}, nil
		}
	}
	return Value{}, badReply("%q is no reply", string(rune(sign))+string(text[:min(len(text), 32)]))
}

func isBigNumber(text []byte) bool {
	digits := bytes.TrimPrefix(text, []byte{'-'})
	return len(digits) > 0 && len(bytes.TrimLeft(digits, "0123456789")) == 0
}

func (r *ReplyReader) bulk(kind Kind, length []byte) (Value, error) {
	n, ok := parseLength(length)
	switch {
	case ok && n == -1 && kind == KindBulk:
		return Null(), nil
	case !ok || n < 0 || n > replyBulkBytesMax:
		return Value{}, badReply("invalid bulk length %q", length)
	}
	b, err := r.bytes(int(n))
	if err != nil {
		return Value{}, err
	}
	if kind == KindVerbatim && (n < verbatimPrefixBytes || b[verbatimPrefixBytes-1] != ':') {
		return Value{}, badReply("verbatim text without a format")
	}
	return Value{Kind: kind, Str: b}, nil
}

// bytes reads n bytes and CRLF. Its buffer doubles with what has arrived.
func (r *ReplyReader) bytes(n int) ([]byte, error) {
	b := make([]byte, min(n, replyBulkStepBytes))
	for have := 0; ; {
		if _, err := io.ReadFull(r.src, b[have:]); err != nil {
			return nil, err
		}
		if have = len(b); have == n {
			break
		}
		longer := make([]byte, min(n, 2*have))
		copy(longer, b)
		b = longer
	}
	var end [2]byte
	if _, err := io.ReadFull(r.src, end[:]); err != nil {
		return nil, err
	}
	if string(end[:]) != "\r\n" {
		return nil, badReply("expected CRLF after bulk")
	}
	return b, nil
}

func (r *ReplyReader) aggregate(kind Kind, count []byte, depth int) (Value, error) {
	n, ok := parseLength(count)
	if ok && n == -1 && kind == KindArray {
		return NullArray(), nil
	}
	if !ok || n < 0 || n > replyElemsMax {
		return Value{}, badReply("invalid count %q", count)
	}
	if kind == KindMap {
		n *= 2
	}
	if r.elems += 1 + int(n); r.elems > replyElemsMax {
		return Value{}, badReply("more than %d values", replyElemsMax)
	}
	v := Value{Kind: kind}
	if n > 0 {
		v.Elems = make([]Value, 0, min(n, replyElemsStep))
	}
	for range n {
		elem, err := r.value(depth + 1)
		if err != nil {
			return Value{}, err
		}
		v.Elems = append(v.Elems, elem)
	}
	return v, nil
}

// line reads one line: its type, and its text, which is valid until the next read.
func (r *ReplyReader) line() (sign byte, text []byte, err error) {
	line, err := r.src.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return 0, nil, badReply("line longer than %d bytes", replyLineBytesMax)
	case err != nil:
		return 0, nil, err
	case len(line) < len("_\r\n") || line[len(line)-2] != '\r':
		return 0, nil, badReply("%q is no line of a reply", line[:min(len(line), 32)])
	}
	return line[0], line[1 : len(line)-2], nil
}
