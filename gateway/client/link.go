package client

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"google.golang.org/grpc"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

const (
	// messageCalls and messageBytes are where a message is closed: what the server has in flight of one pipeline at most, and
	// far below what it takes in one message.
	messageCalls = 256
	messageBytes = 256 << 10
	// queueMax bounds the calls that wait to be sent to one node.
	queueMax = 1 << 16
	// replyBytesMax is what one message of replies may take: more than a server makes with its default limits.
	replyBytesMax = 32 << 20
)

var (
	errQueueFull = errors.New("too many calls wait to be sent to this node (limit queueMax)")
	errLinkGone  = errors.New("the connection is given up")
)

// flight is one attempt at a call.
type flight struct {
	call  *cachev1.PipelineCall
	bytes int
	// done receives the reply, or what broke the attempt off. It has room for it.
	done chan landing
}

// landing is what became of an attempt. Where there is no reply, sent tells whether the call may have reached the server.
type landing struct {
	reply *cachev1.PipelineReply
	err   error
	sent  bool
}

// link is a connection to one node with one pipeline on it. Calls that are waiting when the one before has been sent share a
// message. A link that broke is not used again.
type link struct {
	addr string
	conn *grpc.ClientConn
	ctx  context.Context
	// giveUp ends the link.
	giveUp   context.CancelFunc
	counters *counters
	// ready is signalled when something is queued.
	ready chan struct{}

	mu     sync.Mutex // protects the fields below
	queue  []*flight
	flying map[uint64]*flight
	lastID uint64
	gone   error // why the link takes nothing any more
}

func newLink(ctx context.Context, addr string, conn *grpc.ClientConn, count *counters) *link {
	l := &link{addr: addr, conn: conn, counters: count, ready: make(chan struct{}, 1), flying: map[uint64]*flight{}}
	l.ctx, l.giveUp = context.WithCancel(ctx)
	return l
}

// submit queues an attempt. With an error it was not taken, and is not sent.
func (l *link) submit(f *flight) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone != nil:
		return l.gone
	case len(l.queue) >= queueMax:
		return errQueueFull
	}
	l.lastID++
	f.call.Id = l.lastID
	l.queue = append(l.queue, f)
	select {
	case l.ready <- struct{}{}:
	default:
	}
	return nil
}

// withdraw gives up an attempt and tells whether it may have been sent.
func (l *link) withdraw(f *flight) (sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, queued := range l.queue {
		if queued == f {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return false
		}
	}
	delete(l.flying, f.call.Id)
	return true
}

// run sends what is queued until the link ends.
func (l *link) run() {
	err := l.send()
	l.end(err)
	l.giveUp()
	_ = l.conn.Close() // it says only that it was closed before
}

// send returns what broke the link.
func (l *link) send() error {
	if !l.await() {
		return errLinkGone // only its connection was used
	}
	stream, err := cachev1.NewCacheServiceClient(l.conn).Pipeline(l.ctx)
	if err != nil {
		return err
	}
	broken := make(chan error, 1)
	go func() {
		err := l.receive(stream)
		broken <- err
		l.giveUp()
	}()
	for {
		runtime.Gosched() // callers that were answered together come again together
		request := l.take()
		if len(request.Calls) == 0 {
			if l.await() {
				continue
			}
			break
		}
		l.counters.messages.Add(1)
		if stream.Send(request) != nil {
			break // the receiver knows why
		}
	}
	l.giveUp()
	return <-broken
}

// await waits until something is queued; false means that the link is over.
func (l *link) await() bool {
	select {
	case <-l.ready:
		return l.ctx.Err() == nil
	case <-l.ctx.Done():
		return false
	}
}

// take makes a message of what is queued, and counts it as sent.
func (l *link) take() *cachev1.PipelineRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	request, n, bytes := &cachev1.PipelineRequest{}, 0, 0
	for ; n < len(l.queue) && n < messageCalls && bytes < messageBytes; n++ {
		f := l.queue[n]
		request.Calls = append(request.Calls, f.call)
		bytes += f.bytes
		l.flying[f.call.Id] = f
	}
	left := copy(l.queue, l.queue[n:])
	clear(l.queue[left:])
	l.queue = l.queue[:left]
	return request
}

// receive hands out replies until the stream breaks.
func (l *link) receive(stream cachev1.CacheService_PipelineClient) error {
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		l.mu.Lock()
		for _, reply := range response.GetReplies() {
			if f := l.flying[reply.GetId()]; f != nil {
				delete(l.flying, reply.GetId())
				f.done <- landing{reply: reply, sent: true}
			}
		}
		l.mu.Unlock()
	}
}

// end answers everybody who waits, and whoever comes later.
func (l *link) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = err
	for _, f := range l.queue {
		f.done <- landing{err: err}
	}
	for _, f := range l.flying {
		f.done <- landing{err: err, sent: true}
	}
	l.queue, l.flying = nil, map[uint64]*flight{}
}
