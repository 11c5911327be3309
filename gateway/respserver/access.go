package respserver

import (
	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/proto/apierr"
)

var errNoAuth = apierr.New(apierr.KindNoAuth, "Authentication required.")

// authed tells whether the connection is somebody.
func (c *conn) authed() bool { return c.user != nil }

// become makes the connection one of a user; nil: of nobody yet.
func (c *conn) become(u *acl.User) {
	c.user = u
	c.shownUser.Store(u)
	c.reader.SetLimits(c.protocolLimits())
}

// becomeDefault makes the connection that of the default user, where he needs no password.
func (c *conn) becomeDefault() {
	c.users, c.login = c.server.cfg.Access.Users(), proxy.Login{}
	if u := c.users.Default(); u.Open() {
		c.become(u)
		return
	}
	c.become(nil)
}

// allowed asks whether the connection may run a command. Whoever may do everything is asked no more than who he is.
func (c *conn) allowed(spec *command.Spec, args [][]byte) *apierr.Error {
	if c.server.cfg.Access.Users() != c.users {
		c.followUsers()
	}
	if c.user == nil {
		if spec.Flag(command.NoAuth) {
			return nil
		}
		return c.nobody(errNoAuth)
	}
	if d := c.user.Check(spec, args); d.Reason != 0 {
		c.noteDenied(d, c.user.Name())
		return d.Err()
	}
	return nil
}

// nobody is the answer to a connection that is nobody.
func (c *conn) nobody(otherwise *apierr.Error) *apierr.Error {
	if c.server.cfg.Access.Users().Waiting() {
		return acl.ErrWaiting
	}
	return otherwise
}

// followUsers makes the connection go by users that have changed: its own may do something else now, or may not be any more.
func (c *conn) followUsers() {
	if c.user == nil || !c.users.Known() {
		c.becomeDefault()
		return
	}
	now := c.server.cfg.Access.Now(c.user, &c.users)
	if now == nil {
		c.closing = true
	}
	if now != c.user {
		c.become(now)
	}
}

// guard makes a script run nothing that the connection's user may not run.
func (c *conn) guard(call *command.Call) {
	if call.Guard != nil {
		call.Guard(&scriptGuard{c, c.user})
	}
}

// scriptGuard are the rights of a script: those of its user at the moment when it came.
type scriptGuard struct {
	c    *conn
	user *acl.User
}

var _ command.Guard = (*scriptGuard)(nil)

func (g *scriptGuard) Refuses(spec *command.Spec, args [][]byte) string {
	return g.user.Check(spec, args).InScript()
}

func (g *scriptGuard) Tried(spec *command.Spec, args [][]byte) {
	g.c.server.cfg.Access.Denials.Add(acl.Denied{Denial: g.user.Check(spec, args), Context: "lua", User: g.user.Name(), Client: g.c.describe()})
}

// noteDenied notes for ACL LOG what the connection was refused.
func (c *conn) noteDenied(d acl.Denial, user string) {
	context := "toplevel"
	if c.multi != nil || c.inExec {
		context = "multi"
	}
	c.server.cfg.Access.Denials.Add(acl.Denied{Denial: d, Context: context, User: user, Client: c.describe()})
}

// errChanged is what EXEC answers to a command that was allowed when it was queued.
func errChanged(d acl.Denial) *apierr.Error {
	reason := map[acl.Reason]string{
		acl.ReasonCommand: "no permission to execute the command or subcommand",
		acl.ReasonKey:     "no permission to touch the specified keys",
		acl.ReasonChannel: "no permission to access one of the channels used as arguments",
	}[d.Reason]
	return apierr.New(apierr.KindNoPermission, "ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: %s", reason)
}

// recheck refuses those commands of a transaction that its user may not run any more.
func (c *conn) recheck(t *transaction) {
	if c.user == t.user {
		return
	}
	for i := range t.queued {
		q := &t.queued[i]
		if d := c.user.Check(q.row.spec, q.args); d.Reason != 0 {
			c.noteDenied(d, c.user.Name())
			q.err = errChanged(d)
		}
	}
}

// usersChanged ends the connections of users who are not any more, or were switched off, and of those that listen to channels that
// their users may not use any more (Redis, acl.c, ACLKillPubsubClientsIfNeeded).
func (s *Server) usersChanged() {
	users := s.cfg.Access.Users()
	for _, c := range s.clients() {
		if u := c.shownUser.Load(); u != nil {
			if now, ok := users.User(u.Name()); !ok || !now.Enabled() || c.listensToForbidden(now) {
				c.gone.Store(true)
				c.wake()
			}
		}
	}
}

// denied is what Redis says to those whom protected mode keeps out.
const denied = "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"

// keptOut refuses a client from elsewhere where anybody could do everything (Redis, networking.c, clientAcceptHandler).
func (c *conn) keptOut() bool {
	protected := c.server.cfg.Protected
	if protected == nil || !protected() || !c.server.cfg.Access.Users().Default().NoPassword() || acl.IsLocal(c.remote) {
		return false
	}
	c.server.stats.refused.Add(1)
	if c.server.stats.warnNow() {
		c.server.cfg.Logger.Warn("protected mode keeps a client out: set a password for the user 'default', or say --protected-mode=no", "client", c.remote)
	}
	c.out.write([]byte(denied))
	c.linger()
	return true
}
