package node

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/dashboard"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
	"github.com/holtcache/holt/proto/slot"
)

// shownCluster is the cluster as the dashboard sees it from this node.
type shownCluster struct{ admin }

var _ dashboard.Cluster = shownCluster{}

func (n *Node) dashboard() http.Handler {
	return dashboard.Handler(dashboard.Config{Cluster: shownCluster{admin{n}}, Visit: n.visit, Changed: n.auditDashboard})
}

// View is what this node knows of the cluster.
func (c shownCluster) View() *router.View { return c.n.cluster.View() }

// Report asks a node how it is doing.
func (c shownCluster) Report(ctx context.Context, node string, request *nodev1.GetReportRequest) (*nodev1.GetReportResponse, error) {
	if node == c.n.folder.NodeID() {
		return c.n.report(request), nil
	}
	client, err := c.n.nodes.node(node)
	if err != nil {
		return nil, err
	}
	report, err := client.GetReport(ctx, request)
	if err != nil {
		return nil, readOnly(fromStatus(err, true))
	}
	return report, nil
}

// LookUp asks the leader of a key's shard for it, once more where it has moved meanwhile.
func (c shownCluster) LookUp(ctx context.Context, key []byte) (found *nodev1.LookUpKeyResponse, node string, err error) {
	for range 2 {
		t, refused := c.n.routes.Await(ctx, slot.Of(key), router.NotAsked, time.Now().Add(router.HoldMax))
		if refused != nil {
			return nil, "", refused
		}
		if t.Replica != nil {
			found, err = lookUpAt(ctx, t.Replica, key)
			node = c.n.folder.NodeID()
		} else {
			found, err = c.lookUpElsewhere(ctx, t.Leader, key)
			node = t.Leader.ID
		}
		if err == nil {
			return found, node, nil
		}
	}
	return nil, "", err
}

func (c shownCluster) lookUpElsewhere(ctx context.Context, leader *router.Node, key []byte) (*nodev1.LookUpKeyResponse, error) {
	client, err := c.n.nodes.at(leader.Cluster)
	if err != nil {
		return nil, err
	}
	found, err := client.LookUpKey(ctx, &nodev1.LookUpKeyRequest{Key: key})
	if err != nil {
		return nil, readOnly(fromStatus(err, true))
	}
	return found, nil
}

// visitor is the one user there is.
type visitor struct{ said bool }

// Name is that of the one user.
func (visitor) Name() string { return "default" }

// May lets those who have given the password do all, and others look.
func (v visitor) May(command string, _ ...[]byte) bool {
	return v.said || command == "get" || command == "slowlog|get" || strings.HasPrefix(command, "cluster|info")
}

// visitDelay is how long a wrong password takes to be answered, as with AUTH of RESP.
const visitDelay = 100 * time.Millisecond

var (
	errWhoIsIt = apierr.New(apierr.KindNoAuth, "say who you are: user and password of a RESP client")
	errNotHim  = apierr.New(apierr.KindWrongPass, "invalid username-password pair or user is disabled")
)

// visit tells who looks at the dashboard. Where no password is set nobody can give one, and so nobody changes anything there.
func (n *Node) visit(r *http.Request) (dashboard.Visitor, bool, error) {
	user, password, said := r.BasicAuth()
	switch {
	case !said && n.cfg.Password == "":
		return visitor{}, false, nil
	case !said:
		return nil, false, errWhoIsIt
	}
	want, got := sha256.Sum256([]byte(n.cfg.Password)), sha256.Sum256([]byte(password))
	if right := subtle.ConstantTimeCompare(want[:], got[:]) == 1; right && user == "default" && n.cfg.Password != "" {
		return visitor{said: true}, true, nil
	}
	timer := time.NewTimer(visitDelay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-n.closing:
	}
	return nil, false, errNotHim
}

// auditDashboard tells the log of a change that somebody has asked for.
func (n *Node) auditDashboard(user, from, what string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	n.log.Info("admin action", "audit", true, "user", user, "from", from, "command", "dashboard "+what, "outcome", outcome)
}
