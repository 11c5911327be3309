package respserver

import (
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/slot"
)

// remoteOpsMax is how many ops of a round one node has at most: their replies are here before anybody has counted them.
const remoteOpsMax = 128

// remote is a replica elsewhere as the connection's present session sees it.
type remote struct {
	shard   slot.ShardID
	addr    string
	session proxy.Session
	replica router.Remote
}

// replicaAt is the replica at the node that leads a shard. One connection has one for each leader, however its commands come there, so
// that they stay in order.
func (c *conn) replicaAt(t router.Target) router.Replica {
	session := c.proxySession()
	for i := range c.remotes {
		r := &c.remotes[i]
		if r.shard != t.Shard {
			continue
		}
		if r.addr != t.Leader.RESP || r.session != session {
			r.replica.Unwatch() // nobody watches its keys where they are now
			*r = remote{t.Shard, t.Leader.RESP, session, c.server.cfg.Proxy.Replica(t.Shard, *t.Leader, session)}
		}
		return r.replica
	}
	c.remotes = append(c.remotes, remote{t.Shard, t.Leader.RESP, session, c.server.cfg.Proxy.Replica(t.Shard, *t.Leader, session)})
	return c.remotes[len(c.remotes)-1].replica
}

// proxySession is what connections to other nodes have to be told of this one.
func (c *conn) proxySession() proxy.Session {
	s := proxy.Session{Proto: c.proto, Ack: c.ack, ReadMode: c.readMode, Lane: int(c.id), Login: c.login}
	if s.ReadMode == router.ReadStale {
		s.ReadMode = router.ReadLease // a leader is read, which is never worse
	}
	return s
}

// letGo ends what the connection has elsewhere for itself.
func (c *conn) letGo() {
	for i := range c.remotes {
		c.remotes[i].replica.Unwatch()
	}
}

// remote tells whether the flight's replica is on another node.
func (f *flight) remote() bool {
	_, is := f.replica.(router.Remote)
	return is
}

// fromElsewhere is a reply of another node.
func fromElsewhere(reply []byte) resp.Value {
	if len(reply) > 3 && reply[0] == '-' {
		return resp.Value{Kind: resp.KindError, Str: reply[1 : len(reply)-2]}
	}
	return resp.Raw(reply)
}
