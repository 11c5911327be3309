package transport

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// frameKind is the type byte of a frame. Values are never reused.
type frameKind byte

const (
	frameHello frameKind = iota + 1
	frameWelcome
	frameRefused
	framePing
	framePong
	frameError
	frameVote
	frameVoteReply
	framePreVote
	framePreVoteReply
	frameTimeoutNow
	frameTimeoutNowReply
	frameHeartbeats
	frameHeartbeatReplies
	frameConfirm
	frameConfirmReply
	frameAppend
	frameAppendReply
	frameSnapshotBegin
	frameSnapshotChunk
	frameSnapshotEnd
	frameSnapshotAbort
	frameSnapshotProgress
	frameSnapshotReply
	frameLogEnd
	frameLogEndReply
	frameStamps
)

// A frame is: length uint32 of what follows, kind, correlation id uint64, body. All integers are little-endian.
const (
	frameLenBytes    = 4
	frameHeaderBytes = frameLenBytes + 1 + 8

	helloFrameBytesMax   = 4 << 10 // before the handshake nobody may cost more
	controlFrameBytesMax = 1 << 20 // 4,096 heartbeats, or 16,384 groups in a Confirm
	dataFrameBytesMax    = 1 << 30 // twice the largest value that Redis knows (512 MiB)
	frameFirstAllocBytes = 1 << 20 // more is allocated only as bytes arrive: a length alone costs no memory

	nameBytesMax      = 255 // a node id or cluster id
	errorTextBytesMax = 512
)

// appendFrame appends one frame whose body is appended by fill.
func appendFrame(b []byte, kind frameKind, id uint64, fill func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, byte(kind))
	b = binary.LittleEndian.AppendUint64(b, id)
	if fill != nil {
		b = fill(b)
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(b)-start-frameLenBytes))
	return b
}

type frame struct {
	kind frameKind
	id   uint64
	body []byte // owned by whoever gets the frame
}

// readFrame reads one frame of at most bytesMax. begun is called after the first byte has arrived.
func readFrame(r io.Reader, bytesMax int, begun func()) (frame, error) {
	var head [frameHeaderBytes]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return frame{}, err
	}
	if begun != nil {
		begun()
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return frame{}, err
	}
	length := int64(binary.LittleEndian.Uint32(head[:]))
	if length > int64(bytesMax) {
		return frame{}, fmt.Errorf("%w: %d bytes, at most %d", ErrFrameTooLarge, length, bytesMax)
	}
	bodyBytes := int(length) - (frameHeaderBytes - frameLenBytes)
	if bodyBytes < 0 {
		return frame{}, fmt.Errorf("%w: frame of %d bytes", ErrMalformed, length)
	}
	body, err := readBody(r, bodyBytes)
	if err != nil {
		return frame{}, err
	}
	return frame{
		kind: frameKind(head[frameLenBytes]),
		id:   binary.LittleEndian.Uint64(head[frameLenBytes+1:]),
		body: body,
	}, nil
}

func readBody(r io.Reader, n int) ([]byte, error) {
	body := make([]byte, min(n, frameFirstAllocBytes))
	for filled := 0; ; {
		if _, err := io.ReadFull(r, body[filled:]); err != nil {
			return nil, err
		}
		filled = len(body)
		if filled == n {
			return body, nil
		}
		body = slices.Grow(body, min(n-filled, filled))
		body = body[:min(n, 2*filled)]
	}
}

func appendBytes(b, p []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
	return append(b, p...)
}

func appendText(b []byte, s string) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendUint64s(b []byte, vs ...uint64) []byte {
	for _, v := range vs {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}

// decoder takes a body apart. The first thing that does not fit sets err, and everything after it reads as
// zero. Byte slices it returns share the body's memory.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	d.rest = nil
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.rest) {
		d.fail("truncated body")
		return nil
	}
	p := d.rest[:n:n]
	d.rest = d.rest[n:]
	return p
}

func (d *decoder) uint8() byte {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if p := d.take(4); p != nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if p := d.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (d *decoder) bool() bool {
	switch d.uint8() {
	case 0:
		return false
	case 1:
		return true
	}
	d.fail("boolean is neither 0 nor 1")
	return false
}

// bytes returns nil for an empty slice: nil and empty are the same on the wire.
func (d *decoder) bytes() []byte {
	n := d.uint32()
	if n == 0 {
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) text(bytesMax int) string {
	p := d.bytes()
	if len(p) > bytesMax {
		d.fail("text is too long")
		return ""
	}
	return string(p)
}

// count reads the number of items that follow, each of which has at least itemBytesMin bytes.
func (d *decoder) count(itemBytesMin int) int {
	n := d.uint32()
	if int64(n)*int64(itemBytesMin) > int64(len(d.rest)) {
		d.fail("more items than bytes")
		return 0
	}
	return int(n)
}

// end reports what went wrong, bytes left over included.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) > 0 {
		d.fail("bytes left over")
	}
	return d.err
}
