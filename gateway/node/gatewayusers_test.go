package node

import (
	"log/slog"
	"testing"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/client"
	"github.com/holtcache/holt/gateway/command"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

// A gateway does not go back to older users because a node is behind, but where all nodes agree on them.
func TestAGatewayKeepsTheNewestUsersThatItHasHeardOf(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	g := &Gateway{log: log, access: acl.NewRegistry(command.NewTable(command.Limits{}), "", log)}
	for _, step := range []struct {
		epoch     uint64
		unanimous bool
		name      string
		want      string
	}{
		{5, false, "a", "a"}, {4, false, "b", "a"}, {6, false, "c", "c"}, {5, false, "a", "c"}, {5, true, "a", "a"}, {6, true, "d", "d"},
	} {
		g.useUsers(client.UserList{Epoch: step.epoch, Unanimous: step.unanimous, Users: []*clusterv1.User{{Name: step.name, Rules: "user " + step.name + " on nopass ~* +@all"}}})
		if _, ok := g.access.Users().User(step.want); !ok {
			t.Errorf("at epoch %d, unanimous %v: there is no user %s", step.epoch, step.unanimous, step.want)
		}
	}
}
