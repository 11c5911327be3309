package node

import (
	"context"
	"net/netip"
	"sync"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/respserver"
	"github.com/holtcache/holt/proto/apierr"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/host"
)

// knownUsers is which users of the cluster this node goes by.
type knownUsers struct {
	mu    sync.Mutex // protects the fields below; held while they are written to the data folder
	known bool
	epoch uint64 // at which they were changed
}

// beginUsers makes a node that belongs to a cluster go by the users that it has heard of last. One that has heard of none lets
// nobody in yet.
func (n *Node) beginUsers() {
	if n.folder.ClusterID() == "" {
		return
	}
	users, epoch, found, err := n.folder.Users()
	switch {
	case err != nil:
		n.log.Warn("nobody is let in until this node has heard of the cluster's users", "err", err)
		n.access.LetNobodyIn()
	case !found:
		n.access.LetNobodyIn()
	default:
		n.access.Replace(storedUsers(users))
		n.users.known, n.users.epoch = true, epoch
	}
}

// useUsers makes this node go by the users of the newest state that it knows. At its start that may be older than what it has
// heard of users before; where the meta group has a leader it counts all the same, since it may have lost its latest state for
// good (holt cluster recover).
func (n *Node) useUsers(h *host.Host) {
	state := h.State()
	if !state.Initialized() {
		return
	}
	n.users.mu.Lock()
	defer n.users.mu.Unlock()
	epoch := state.UsersEpoch()
	if n.users.known && (epoch == n.users.epoch || epoch < n.users.epoch && h.MetaLeader() == "") {
		return
	}
	n.access.Replace(storedUsers(state.Users()))
	n.users.known, n.users.epoch = true, epoch
	if err := n.folder.SaveUsers(state.Users(), epoch); err != nil {
		n.log.Warn("after its next start this node lets nobody in, or goes by older users, until it has heard of the cluster's", "err", err)
	}
}

func storedUsers(users []meta.User) []acl.Stored {
	var list []acl.Stored
	for _, u := range users {
		list = append(list, acl.Stored{Name: u.Name, Rules: u.Rules})
	}
	return list
}

// userKeeper changes the users of the cluster.
type userKeeper struct{ n *Node }

var _ respserver.UserKeeper = userKeeper{}

// setTries is how often a change is made anew because somebody else has changed the same user meanwhile.
const setTries = 8

// SetUser applies rules to a user, or makes one.
func (k userKeeper) SetUser(ctx context.Context, name string, rules []string) error {
	if err := meta.CheckUserName(name); err != nil {
		return err
	}
	h, err := admin(k).host()
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		state, err := h.Latest(ctx)
		if err != nil {
			return err
		}
		before, known := state.User(name)
		var old []byte
		if known {
			old = append([]byte{}, before.Rules...) // never nil
		}
		changed, err := k.n.access.Change(name, old, rules)
		if err != nil {
			return err
		}
		_, err = k.commit(ctx, h, meta.SetUser(name, []byte(changed.Rules()), before.ChangedEpoch))
		if apierr.KindOf(err) != apierr.KindExists || try == setTries {
			return err
		}
	}
}

// DeleteUser takes a user out.
func (k userKeeper) DeleteUser(ctx context.Context, name string) (bool, error) {
	if err := acl.CheckNotDefault(name); err != nil {
		return false, err
	}
	if meta.CheckUserName(name) != nil {
		return false, nil // nobody can have it
	}
	h, err := admin(k).host()
	if err != nil {
		return false, err
	}
	return k.commit(ctx, h, meta.DeleteUser(name))
}

// commit commits a change of users and returns when this node goes by it.
func (k userKeeper) commit(ctx context.Context, h *host.Host, command *storagev1.MetaCommand) (changed bool, err error) {
	result, err := h.Propose(ctx, command)
	switch {
	case err != nil:
		return false, err
	case result.Err != nil:
		return false, result.Err
	}
	for {
		heard := h.Changed()
		if h.State().Epoch() >= result.Epoch {
			k.n.useUsers(h)
			return result.Changed, nil
		}
		select {
		case <-heard:
		case <-ctx.Done():
			err := apierr.New(apierr.KindDeadline, "the change is committed, and this node has not heard of it yet; it goes by it as soon as it does")
			err.Outcome = apierr.OutcomeApplied
			return result.Changed, err
		}
	}
}

// Users lists the users, and tells at which epoch they were changed last.
func (a admin) Users(context.Context) (list []*clusterv1.User, epoch uint64, _ error) {
	a.n.users.mu.Lock()
	defer a.n.users.mu.Unlock()
	for _, u := range a.n.access.Users().All() {
		list = append(list, userProto(u))
	}
	return list, a.n.users.epoch, nil
}

// SetUser applies rules to a user, or makes one.
func (a admin) SetUser(ctx context.Context, name string, rules []string) (*clusterv1.User, error) {
	if err := userKeeper(a).SetUser(ctx, name, rules); err != nil {
		return nil, err
	}
	u, ok := a.n.access.Users().User(name)
	if !ok {
		return nil, apierr.New(apierr.KindNotFound, "user %s was set, and deleted again by somebody else", name)
	}
	return userProto(u), nil
}

// DeleteUser takes a user out.
func (a admin) DeleteUser(ctx context.Context, name string) (bool, error) {
	return userKeeper(a).DeleteUser(ctx, name)
}

func userProto(u *acl.User) *clusterv1.User {
	return &clusterv1.User{Name: u.Name(), Rules: u.Rules()}
}

// isProtected tells whether clients from elsewhere are kept out while the default user needs no password. Those that have to
// show a certificate are known by that.
func (n *Node) isProtected() bool {
	return !n.unprotected.Load() && !n.cfg.TLS.asksForCerts()
}

// warnOpenPorts says what others than this machine can reach without a secret.
func (n *Node) warnOpenPorts() {
	if n.seam.nodes == nil && !onLoopback(n.cfg.Listen.Cluster) {
		n.log.Warn("whoever reaches the cluster port can change everything: give --tls-cluster certificates, or keep others off its network", "addr", n.cfg.Listen.Cluster)
	}
}

// onLoopback tells whether an address to listen on is for this machine alone.
func onLoopback(addr string) bool {
	at, err := netip.ParseAddrPort(addr)
	return err == nil && at.Addr().IsLoopback()
}
