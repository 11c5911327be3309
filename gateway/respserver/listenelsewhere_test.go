package respserver

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/router"
)

// startGateway starts a server without replicas beside a node.
func startGateway(t *testing.T, f *fixture) *fixture {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pool := proxy.NewPool(proxy.Config{Dial: func(ctx context.Context, addr string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	}})
	view := *f.cluster.View()
	view.Self = ""
	g := &fixture{t: t, addr: listener.Addr().String(), cluster: &memCluster{view: &view, changed: make(chan struct{})}}
	g.server = New(Config{Router: router.New(g.cluster), Table: command.NewTable(command.Limits{}), Proxy: pool, Logger: discardLogger()})
	served := make(chan error, 1)
	go func() { served <- g.server.Serve(listener) }()
	t.Cleanup(func() {
		_ = g.server.Close()
		<-served
		pool.Close()
	})
	g.cluster.change(func(v *router.View) { v.Nodes = v.Nodes[:1] }) // the other one does not exist
	return g
}

func TestGatewayListensAndPublishesAtTheNodes(t *testing.T) {
	f := start(t, fixtureConfig{})
	g := startGateway(t, f)
	a, b, direct := g.dial(), g.dial(), f.dial()
	a.send("SUBSCRIBE x y", "PSUBSCRIBE x*", "SSUBSCRIBE s")
	a.wantPushed("[subscribe x :1]", "[subscribe y :2]", "[psubscribe x* :3]", "[ssubscribe s :1]")
	direct.want("PUBSUB NUMSUB x", "[x :1]", "PUBLISH x direct", ":2", "SPUBLISH s direct", ":1")
	a.wantPushed("[message x direct]", "[pmessage x* x direct]", "[smessage s direct]")
	b.want("PUBLISH x 1", ":2", "SPUBLISH s 1", ":1", "PUBLISH nobody 1", ":0", "PUBSUB NUMSUB x", "[x :1]", "PUBSUB NUMPAT", ":1",
		"MULTI", "+OK", "PUBLISH y 1", "+QUEUED", "SET k 1", "+QUEUED", "EXEC", "[:1 +OK]", "MULTI", "+OK", "PUBLISH y 2", "+QUEUED", "EXEC", "[:1]")
	a.wantPushed("[message x 1]", "[pmessage x* x 1]", "[smessage s 1]", "[message y 1]", "[message y 2]")
	a.want("GET k", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
		"UNSUBSCRIBE x", "[unsubscribe x :2]", "PUNSUBSCRIBE", "[punsubscribe x* :1]", "SUNSUBSCRIBE", "[sunsubscribe s :0]")
	direct.want("PUBSUB NUMSUB x y", "[x :0 y :1]", "PUBSUB NUMPAT", ":0", "PUBSUB SHARDCHANNELS", "[]")
	a.want("RESET", "+RESET", "GET k", "1")
	eventually(t, "the node forgets", func() bool { return direct.do("PUBSUB CHANNELS") == "[]" })
	a.want("HELLO 3", a.do("HELLO 3"), "SUBSCRIBE z", ">[subscribe z :1]")
	a.send("PUBLISH z own") // the reply and the message come by different ways
	if got := a.recv() + a.recv(); got != ":1>[message z own]" && got != ">[message z own]:1" {
		t.Errorf("got %q", got)
	}
	for i := range 100 {
		direct.want(fmt.Sprintf("PUBLISH z %d", i), ":1")
	}
	for i := range 100 {
		a.wantPushed(fmt.Sprintf(">[message z %d]", i))
	}
}

// A client must not go on as if it heard all, so its connection ends with the one by which it listens.
func TestListenersOfAGatewayAreClosedWhenTheirNodeIsLost(t *testing.T) {
	f := start(t, fixtureConfig{})
	g := startGateway(t, f)
	a, other := g.dial(), g.dial()
	a.want("SUBSCRIBE x", "[subscribe x :1]")
	f.dial().want("CLIENT KILL TYPE pubsub", ":1")
	a.wantClosed()
	other.want("PING", "+PONG")
}

func TestShardListenersOfAGatewayHearOfTheEnd(t *testing.T) {
	f := start(t, fixtureConfig{})
	g := startGateway(t, f)
	a := g.dial()
	a.want("SSUBSCRIBE s", "[ssubscribe s :1]")
	f.replicas[0].lead(false)
	f.cluster.change(func(v *router.View) { v.Shards[0].Leader = otherID })
	a.wantPushed("[sunsubscribe s :0]")
	if got := a.do("SSUBSCRIBE s"); !strings.HasPrefix(got, "-CLUSTERDOWN node at 127.0.0.1:1 can't be reached") {
		t.Errorf("got %q", got)
	}
	a.want("PING", "+PONG")
}
