package grpcserver

import "time"

// clientPreface is how a client of HTTP/2 begins (RFC 9113, section 3.4). After anything else the connection is closed.
const clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// The types of frames, and a flag (RFC 9113, section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePing         = 0x6
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagAck = 0x1

	frameHeadBytes = 9
)

// messageHeadBytes begin each message of gRPC; no client sends less of one at a time.
const messageHeadBytes = 5

// frames follows the frames in what a client sends.
type frames struct {
	head [frameHeadBytes]byte
	have int // bytes of head
	skip int // bytes until the next one
	// opened counts calls that have been opened and have said nothing yet, about.
	opened int
}

// read goes on through b. It returns the price of the frames that begin there, and their count.
func (f *frames) read(b []byte) (price time.Duration, count int) {
	for len(b) > 0 {
		if f.skip > 0 {
			n := min(f.skip, len(b))
			f.skip -= n
			b = b[n:]
			continue
		}
		n := copy(f.head[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have < frameHeadBytes {
			break
		}
		f.have = 0
		f.skip = int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2])
		count++
		price += f.price(f.head[3], f.head[4], f.skip)
	}
	return price, count
}

// price is that of one frame. A call that says something gets back what opening it had cost.
func (f *frames) price(kind, flags byte, length int) time.Duration {
	isAck := flags&flagAck != 0
	switch {
	case kind == frameData && length < messageHeadBytes:
		return signalPrice // the end of a stream, say
	case kind == frameData && f.opened > 0:
		f.opened--
		return -framePrice
	case kind == frameData:
		return 0
	case kind == frameHeaders:
		f.opened++
		return framePrice + time.Duration(length/headerPriceBytes)*framePrice
	case kind == frameContinuation:
		return framePrice + time.Duration(length/headerPriceBytes)*framePrice
	case kind == frameWindow, kind == framePing && isAck:
		return signalPrice
	case kind == framePing: // what measures the connection's speed comes once a round trip, and grpc-go ends a flood
		return 5 * signalPrice
	}
	return framePrice
}
