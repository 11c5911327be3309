package grpcserver

import (
	"context"
	"io"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// pipeline is one stream of calls. Its handler takes messages from the receiver and starts a goroutine for each call; the
// sender joins replies that are ready at the same time.
type pipeline struct {
	s      *Server
	stream cachev1.CacheService_PipelineServer
	gate   *gate
	// ready has room for every call in flight, so that no call waits for the sender.
	ready chan ready
	calls sync.WaitGroup
}

// ready is a reply with its size.
type ready struct {
	reply *cachev1.PipelineReply
	bytes int
}

// received is what the receiver hands over: a message or what ended the stream.
type received struct {
	request *cachev1.PipelineRequest
	err     error
}

// servePipeline serves a stream until the client has no more calls, either side gives up, or the server stops. Calls that were
// received are done then, and answered if the stream still can.
//
// Streams that are opened and reset at once must cost as little as they say: what a pipeline needs is made for its first
// message, and no receiver is left behind by a stream that is over, or they would pile up beyond StreamsPerConnection.
func (s *Server) servePipeline(stream cachev1.CacheService_PipelineServer) error {
	messages, received := receive(stream)
	defer func() {
		if stream.Context().Err() != nil {
			<-received
		}
	}()
	first, err := s.next(stream.Context(), messages)
	if err != nil || first == nil {
		return err
	}
	p := &pipeline{s: s, stream: stream, gate: newGate(s.limits), ready: make(chan ready, s.limits.PipelineCalls)}
	return p.run(first, messages)
}

// run serves the messages from the first one on.
func (p *pipeline) run(first *cachev1.PipelineRequest, messages <-chan received) error {
	ctx, cancel := context.WithCancel(p.stream.Context())
	defer cancel()
	sent := make(chan error, 1)
	go func() {
		err := p.send()
		if err != nil {
			cancel()
		}
		for late := range p.ready {
			p.gate.leave(1, late.bytes)
		}
		sent <- err
	}()
	err := p.take(ctx, first, messages)
	p.calls.Wait()
	close(p.ready)
	if broken := <-sent; broken != nil {
		return broken // and err is what came of it
	}
	return err
}

// receive starts the receiver, which closes ended when it ends: with the stream, soon after the handler has returned at the
// latest.
func receive(stream cachev1.CacheService_PipelineServer) (messages <-chan received, ended <-chan struct{}) {
	out, end := make(chan received), make(chan struct{})
	go func() {
		defer close(end)
		for {
			request, err := stream.Recv()
			select {
			case out <- received{request, err}:
			case <-stream.Context().Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out, end
}

// next is the next message, nil when the client has no more.
func (s *Server) next(ctx context.Context, messages <-chan received) (*cachev1.PipelineRequest, error) {
	select {
	case m := <-messages:
		switch {
		case m.err == io.EOF:
			return nil, nil
		case m.err != nil:
			return nil, m.err
		case len(m.request.GetCalls()) == 0:
			return nil, invalid("calls: a message of a pipeline needs at least one call")
		}
		return m.request, nil
	case <-s.stopping:
		return nil, apierr.New(apierr.KindShutdown, "this node is shutting down; the outcome of calls without reply is unknown, go on at another node")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// take starts the calls of each message and returns nil when the client has no more.
func (p *pipeline) take(ctx context.Context, m *cachev1.PipelineRequest, messages <-chan received) (err error) {
	for ; m != nil && err == nil; m, err = p.s.next(ctx, messages) {
		for _, call := range m.GetCalls() {
			if err := p.start(ctx, call); err != nil {
				return err
			}
		}
	}
	return err
}

// start serves one call on its own goroutine, as soon as the gate lets it in.
func (p *pipeline) start(ctx context.Context, call *cachev1.PipelineCall) error {
	bytes := proto.Size(call)
	if err := p.gate.enter(ctx, bytes); err != nil {
		return err
	}
	p.calls.Go(func() {
		response, err := p.serve(ctx, pipelineRequest(call))
		reply := pipelineReply(call.GetId(), response, err)
		size := proto.Size(reply)
		p.gate.swap(bytes, size)
		p.ready <- ready{reply, size}
	})
	return nil
}

func (p *pipeline) serve(ctx context.Context, request any) (response any, err error) {
	defer p.s.recover(cachev1.CacheService_Pipeline_FullMethodName, &err)
	return p.s.serveUser(ctx, request)
}

// send sends replies, those that are ready together in one message, until ready is closed or the stream is broken.
func (p *pipeline) send() error {
	for first := range p.ready {
		response := &cachev1.PipelineResponse{Replies: []*cachev1.PipelineReply{first.reply}}
		bytes := p.join(response, first.bytes)
		err := p.stream.Send(response)
		p.gate.leave(len(response.Replies), bytes)
		if err != nil {
			return err
		}
	}
	return nil
}

// join adds replies that are ready already and returns the size of all.
func (p *pipeline) join(response *cachev1.PipelineResponse, bytes int) int {
	for bytes < replyBytes && len(response.Replies) < replyCalls {
		select {
		case next, open := <-p.ready:
			if !open {
				return bytes
			}
			response.Replies = append(response.Replies, next.reply)
			bytes += next.bytes
		default:
			return bytes
		}
	}
	return bytes
}
