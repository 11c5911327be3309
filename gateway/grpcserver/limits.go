package grpcserver

import (
	"time"

	"github.com/holtcache/holt/gateway/ops"
)

// Limits bounds what clients can make the server hold. Zero means the default.
type Limits struct {
	// Data bounds a key and its value.
	Data ops.Limits
	// MessageBytes bounds one received message, and the values in the reply to one batch. Default: the largest value, the
	// largest key and 1 MiB for what surrounds them.
	MessageBytes int
	// BatchOps is how many operations one batch may hold. Default 4,096: the executor does nothing else meanwhile, for
	// some milliseconds.
	BatchOps int
	// StreamsPerConnection is how many calls one connection may have open; what is beyond waits at the client. Default
	// 128: it bounds the handlers too, so that streams that are opened and reset at once (CVE-2023-44487) gain nothing.
	StreamsPerConnection uint32
	// PipelineCalls is how many calls of one pipeline may be in flight; beyond it the server does not read on. Default 256:
	// more than a batch's worth of small writes in the time of one commit.
	PipelineCalls int
	// PipelineBytes is how many bytes of requests in flight and of replies not yet sent stop a pipeline from reading on.
	// Default 16 MiB: two of the largest values.
	PipelineBytes int
	// Watches is how many streams may watch changes at a time. Default 1,024: each decides on every change of its shard.
	Watches int
	// HeaderListBytes bounds the headers of a call. Default 16 KiB: ours take less than 1 KiB.
	HeaderListBytes uint32
	// HandshakeMax is how long a connection may take to say that it speaks HTTP/2. Default 5 s.
	HandshakeMax time.Duration
	// PingInterval is how often a client may ping; more often, or without a call open, ends its connection. Default 10 s.
	PingInterval time.Duration
	// IdleMax is how long a connection without a call lives. Default 30 minutes.
	IdleMax time.Duration
	// CallMax clamps the deadline of every call that is not a stream. Default 30 s: only AdminService takes seconds.
	CallMax time.Duration
}

const (
	// surroundBytes is room for what surrounds a key and a value in a message.
	surroundBytes = 1 << 20
	// batchOpBytes is what one result of a batch takes beside its value, at most.
	batchOpBytes = 1 << 10
	// keepaliveIdle and keepaliveWait find connections whose other end is gone: silent so long, then no answer so long.
	keepaliveIdle = 30 * time.Second
	keepaliveWait = 10 * time.Second
	// replyBytes is where the sender of a pipeline closes a message: far below what clients accept by default (4 MiB),
	// large enough that more calls in a message save no more.
	replyBytes = 256 << 10
	// replyCalls bounds the replies in one message likewise.
	replyCalls = 512
)

// WithDefaults fills what is not set.
func (l Limits) WithDefaults() Limits {
	l.Data = l.Data.WithDefaults()
	orDefault(&l.MessageBytes, l.Data.ValueBytesMax+l.Data.KeyBytesMax+surroundBytes)
	orDefault(&l.BatchOps, 4096)
	orDefault(&l.StreamsPerConnection, 128)
	orDefault(&l.PipelineCalls, 256)
	orDefault(&l.PipelineBytes, 16<<20)
	orDefault(&l.Watches, 1024)
	orDefault(&l.HeaderListBytes, 16<<10)
	orDefault(&l.HandshakeMax, 5*time.Second)
	orDefault(&l.PingInterval, 10*time.Second)
	orDefault(&l.IdleMax, 30*time.Minute)
	orDefault(&l.CallMax, 30*time.Second)
	return l
}

// ReplyBytes is what one reply takes at most: what clients, and nodes that forward, have to accept.
func (l Limits) ReplyBytes() int {
	l = l.WithDefaults()
	return l.MessageBytes + l.BatchOps*batchOpBytes + surroundBytes
}

func orDefault[T int | uint32 | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}
