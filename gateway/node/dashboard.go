package node

import (
	"context"
	"net/http"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/dashboard"
	"github.com/holtcache/holt/gateway/router"
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

// dashboardVisitor is a user who looks at the dashboard.
type dashboardVisitor struct {
	*acl.User
	access *acl.Registry
}

// May tells whether he may run a command.
func (v dashboardVisitor) May(name string, keys ...[]byte) bool {
	spec := v.access.Command(name)
	return spec != nil && v.CheckKeys(spec, command.KeyAccess, keys...).Reason == 0
}

// visit tells who looks at the dashboard. A password changes nothing where 'default' takes any: it proves nothing.
func (n *Node) visit(r *http.Request) (dashboard.Visitor, bool, error) {
	u, said, err := n.visitor(r)
	if err != nil {
		return nil, false, err
	}
	return dashboardVisitor{u, n.access}, said && !u.NoPassword(), nil
}

// auditDashboard tells the log of a change that somebody has asked for.
func (n *Node) auditDashboard(user, from, what string, err error) {
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	n.log.Info("admin action", "audit", true, "user", user, "from", from, "command", "dashboard "+what, "outcome", outcome)
}
