package grpcserver

import (
	"context"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/holtcache/holt/proto/apierr"
)

// options are those of the public server (research/reliability.md, §5.2). Compression is not linked in: a compressed
// message is refused, and with it every bomb.
func (s *Server) options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.Creds(paced{&toll{}}),
		grpc.MaxRecvMsgSize(s.limits.MessageBytes),
		grpc.MaxSendMsgSize(s.limits.ReplyBytes()),
		grpc.MaxConcurrentStreams(s.limits.StreamsPerConnection),
		grpc.MaxHeaderListSize(s.limits.HeaderListBytes),
		grpc.ConnectionTimeout(s.limits.HandshakeMax),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: s.limits.PingInterval}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: s.limits.IdleMax,
			Time:              keepaliveIdle,
			Timeout:           keepaliveWait,
		}),
		grpc.WaitForHandlers(true),
		grpc.ChainUnaryInterceptor(s.interceptUnary),
		grpc.ChainStreamInterceptor(s.interceptStream),
	}
}

// interceptUnary lets in who may call, clamps the deadline, survives panics, and gives every error its status and detail.
func (s *Server) interceptUnary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.CallMax)
	defer cancel()
	defer s.recover(info.FullMethod, &err)
	if ctx, err = s.enter(ctx, info.FullMethod); err != nil {
		return nil, statusError(err)
	}
	resp, err = handler(ctx, req)
	err = statusError(err)
	s.audit(ctx, info.FullMethod, req, err)
	return resp, err
}

// interceptStream is interceptUnary for streams, which have no deadline but their client's.
func (s *Server) interceptStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
	defer s.recover(info.FullMethod, &err)
	ctx, err := s.enter(stream.Context(), info.FullMethod)
	if err != nil {
		return statusError(err)
	}
	return statusError(handler(srv, &enteredStream{stream, ctx}))
}

// enteredStream is a stream whose user is known.
type enteredStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements grpc.ServerStream.
func (e *enteredStream) Context() context.Context { return e.ctx }

// recover turns a panic into an internal error with an unknown outcome. The client does not learn what it was.
func (s *Server) recover(method string, err *error) {
	if cause := recover(); cause != nil {
		s.log.Error("a gRPC call panicked; report this with the stack", "method", method, "panic", cause, "stack", string(debug.Stack()))
		*err = &failure{err: apierr.New(apierr.KindInternal, "%s: a fault of the server; outcome unknown, read before you retry", method)}
	}
}
