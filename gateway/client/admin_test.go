package client

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// oneAnswer is a node that answers every call that changes something with one error.
type oneAnswer struct {
	clusterv1.UnimplementedAdminServiceServer
	err error
}

func (o oneAnswer) InitCluster(context.Context, *clusterv1.InitClusterRequest) (*clusterv1.InitClusterResponse, error) {
	return nil, o.err
}

func (o oneAnswer) GetClusterStatus(context.Context, *clusterv1.GetClusterStatusRequest) (*clusterv1.GetClusterStatusResponse, error) {
	return nil, o.err
}

func answering(t *testing.T, answer error) *Admin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	clusterv1.RegisterAdminServiceServer(s, oneAnswer{err: answer})
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return dial(t, l.Addr().String())
}

func dial(t *testing.T, addr string) *Admin {
	t.Helper()
	a, err := DialAdmin(addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// An operator has to know whether to repeat a command.
func TestErrorsOfChangesTellTheOutcome(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	told, err := status.New(codes.AlreadyExists, "this node belongs to cluster x already; nothing was changed").WithDetails(&cachev1.ErrorDetail{Kind: "exists"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		a    *Admin
		want string
		not  string
	}{
		{"the node's own answer", answering(t, told.Err()), "nothing was changed", "rpc error"},
		{"an answer of something else", answering(t, status.Error(codes.Unavailable, "gone")), "outcome unknown", "nothing was changed"},
		{"nobody there", dial(t, nobody), "nothing was changed", "outcome unknown"},
	} {
		_, err := c.a.InitCluster(ctx, 1, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), c.not) {
			t.Errorf("%s: %v, want %q and not %q", c.what, err, c.want, c.not)
		}
		if _, err := c.a.Status(ctx); err == nil || strings.Contains(err.Error(), "outcome unknown") {
			t.Errorf("%s: a question was answered %v", c.what, err)
		}
	}
}
