package node

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
)

func nowhere(context.Context, string) (net.Conn, error) { return nil, net.ErrClosed }

func TestConnectionsToAddressesOfThePastAreClosed(t *testing.T) {
	n := newNodes(nowhere)
	defer n.close()
	for _, addr := range []string{"old:1", "busy:1"} {
		if _, err := n.at(addr); err != nil {
			t.Fatal(err)
		}
	}
	n.mu.Lock()
	for _, c := range n.conns {
		c.used = c.used.Add(-2 * connIdleMax)
	}
	n.mu.Unlock()
	if _, err := n.at("busy:1"); err != nil { // in use again
		t.Fatal(err)
	}
	if _, err := n.at("new:1"); err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns["old:1"] != nil || n.conns["busy:1"] == nil || n.conns["new:1"] == nil {
		t.Errorf("connections %v", n.conns)
	}
}

// A command that never left this node may be taken elsewhere; so its error must not say that the outcome is unknown.
func TestUnreachableNodeWasNotAskedAnything(t *testing.T) {
	n := newNodes(nowhere)
	n.resolve = func(id string) (string, bool) { return "gone:1", id == "gone" }
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, id := range []string{"gone", "stranger"} {
		_, proposed := n.Propose(ctx, id, []byte("x"))
		_, read := n.ReadMeta(ctx, id, true)
		_, replica := n.Replica(ctx, id, 1)
		for what, err := range map[string]error{"propose": proposed, "read": read, "replica": replica, "transfer": n.Transfer(ctx, id, 1, 0, "")} {
			if e := apierr.Of(err); err == nil || e.Kind != apierr.KindClusterDown || e.Result() != apierr.OutcomeNotApplied {
				t.Errorf("%s at %s: %v, %v", what, id, e.Result(), err)
			}
		}
	}
	if err := n.close(); err != nil {
		t.Error(err)
	}
	if _, err := n.Propose(ctx, "gone", nil); apierr.KindOf(err) != apierr.KindShutdown {
		t.Errorf("after the close: %v", err)
	}
	if err := n.close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}
