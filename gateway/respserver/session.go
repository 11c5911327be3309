package respserver

import (
	"bytes"
	"math"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/proxy"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// redisVersion is the version of Redis whose clients take us for one; with it they stay on CLUSTER SLOTS, which lists
// several ranges of a node (rueidis asks CLUSTER SHARDS from 8 on).
const redisVersion = "7.2.4"

// authDelay is how long a wrong password takes to be answered: ten guesses a second and connection.
const authDelay = 100 * time.Millisecond

var (
	errNoPassword  = apierr.New(apierr.KindInvalid, "AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?")
	errNoProto     = apierr.New(apierr.KindNoProto, "unsupported protocol version")
	errProtoNumber = apierr.New(apierr.KindInvalid, "Protocol version is not an integer or out of range")
	errHelloNoAuth = apierr.New(apierr.KindNoAuth, "HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time")
	errHelloTracks = apierr.New(apierr.KindInvalid, "invalidations need RESP3; CLIENT TRACKING OFF first")
	errSelectRange = apierr.New(apierr.KindInvalid, "DB index is out of range")
	errSelect      = apierr.New(apierr.KindInvalid, "SELECT is not allowed in cluster mode")
)

var pong = resp.Simple("PONG")

func (c *conn) ping(args [][]byte) resp.Value {
	switch {
	case len(args) <= 2 && c.proto == 2 && c.listens():
		return pongToListener(args[1:])
	case len(args) == 1:
		return pong
	case len(args) == 2:
		return resp.Bulk(args[1])
	}
	return errorReply(apierr.New(apierr.KindInvalid, "wrong number of arguments for 'ping' command"))
}

func (c *conn) echo(args [][]byte) resp.Value { return resp.Bulk(args[1]) }

func (c *conn) quit([][]byte) resp.Value {
	c.closing = true
	return resp.OK()
}

func (c *conn) reset([][]byte) resp.Value {
	c.stopTracking()
	c.stopListening()
	c.resetSession()
	c.silent = false
	c.setProfile(func(p *profile) { *p = profile{} })
	c.becomeDefault()
	return resp.Simple("RESET")
}

func (c *conn) selectDB(args [][]byte) resp.Value {
	n, err := command.ParseIntIn(args[1], math.MinInt32, math.MaxInt32)
	switch {
	case err != nil:
		return errorReply(err)
	case n != 0 && c.proxied:
		return errorReply(errSelectRange)
	case n != 0:
		return errorReply(errSelect)
	}
	return resp.OK()
}

func (c *conn) auth(args [][]byte) resp.Value {
	user, password := []byte(acl.DefaultName), args[1]
	switch {
	case len(args) == 3:
		user, password = args[1], args[2]
	case len(args) > 3:
		return errorReply(errSyntax)
	case c.server.cfg.Access.Users().Default().NoPassword() && len(args) == 2:
		return errorReply(errNoPassword)
	}
	if err := c.authenticate(user, password, args[0]); err != nil {
		return errorReply(err)
	}
	return resp.OK()
}

// authenticate makes the connection one of a user, by the command that asks for it. A wrong password takes its time.
func (c *conn) authenticate(name, password, command []byte) *apierr.Error {
	users := c.server.cfg.Access.Users()
	u, err := users.Authenticate(string(name), password)
	if err == acl.ErrWaiting {
		return err
	}
	if err != nil {
		c.server.stats.authFailures.Add(1)
		if c.server.stats.warnNow() {
			c.server.cfg.Logger.Warn("a client gave a wrong user name or password; ACL LOG tells of all", "client", c.remote, "user", clip(name))
		}
		c.noteDenied(acl.Denial{Reason: acl.ReasonAuth, Object: clip(command)}, clip(name))
		select {
		case <-time.After(authDelay):
		case <-c.server.stop:
		}
		c.resumed()
		return err
	}
	c.users, c.login = users, loginOf(u, password)
	c.become(u)
	return nil
}

// loginOf is what other nodes are told of a user who has given a password. One who needs none has given any: nothing depends on it.
func loginOf(u *acl.User, password []byte) proxy.Login {
	if u.NoPassword() {
		return proxy.Login{User: u.Name()}
	}
	return proxy.Login{User: u.Name(), Password: string(password)}
}

// hello is HELLO [proto [AUTH user password] [SETNAME name]]. Nothing is changed unless all of it is right.
func (c *conn) hello(args [][]byte) resp.Value {
	proto, name, err := int64(c.proto), []byte(nil), (*apierr.Error)(nil)
	var user, password []byte
	if len(args) > 1 {
		if proto, err = parseProto(args[1]); err != nil {
			return errorReply(err)
		}
		for rest := args[2:]; len(rest) > 0; {
			switch {
			case word(rest[0], "AUTH") && len(rest) >= 3:
				user, password, rest = rest[1], rest[2], rest[3:]
			case word(rest[0], "SETNAME") && len(rest) >= 2:
				name, rest = rest[1], rest[2:]
			default:
				return errorReply(apierr.New(apierr.KindInvalid, "Syntax error in HELLO option '%s'", clip(rest[0])))
			}
		}
	}
	if err := checkName(clientNames, name); err != nil {
		return errorReply(err)
	}
	switch {
	case proto == 2 && c.track.tracker != nil && c.track.tracker.redirect.Load() == nil:
		return errorReply(errHelloTracks)
	case user != nil:
		err = c.authenticate(user, password, args[0])
	}
	if err == nil && !c.authed() {
		err = c.nobody(errHelloNoAuth)
	}
	if err != nil {
		return errorReply(err)
	}
	if name != nil {
		c.setProfile(func(p *profile) { p.name = string(name) })
	}
	c.setProto(int(proto))
	return c.helloReply()
}

func parseProto(arg []byte) (int64, *apierr.Error) {
	proto, err := ops.ParseInt(arg)
	switch {
	case err != nil:
		return 0, errProtoNumber
	case proto != 2 && proto != 3:
		return 0, errNoProto
	}
	return proto, nil
}

func (c *conn) helloReply() resp.Value {
	return resp.Map(
		resp.BulkString("server"), resp.BulkString("redis"),
		resp.BulkString("version"), resp.BulkString(redisVersion),
		resp.BulkString("proto"), resp.Int(int64(c.proto)),
		resp.BulkString("id"), resp.Int(c.id),
		resp.BulkString("mode"), resp.BulkString(c.mode()),
		resp.BulkString("role"), resp.BulkString("master"),
		resp.BulkString("modules"), resp.Array(),
	)
}

// mode is what clients are told to be connected to.
func (c *conn) mode() string {
	if c.proxied {
		return "standalone"
	}
	return "cluster"
}

func (c *conn) setReadOnly([][]byte) resp.Value {
	c.readOnly = true
	c.show(shownReadOnly, true)
	return resp.OK()
}

func (c *conn) setReadWrite([][]byte) resp.Value {
	c.readOnly = false
	c.show(shownReadOnly, false)
	return resp.OK()
}

// echoBytesMax bounds how much of an argument an error repeats.
const echoBytesMax = 128

// clip is what an error repeats of an argument: up to a zero byte, as Redis does.
func clip(arg []byte) string {
	arg, _, _ = bytes.Cut(arg[:min(len(arg), echoBytesMax)], []byte{0})
	return string(arg)
}

// subcommandSyntax is the error of a subcommand with arguments that it does not have (Redis, addReplySubcommandSyntaxError).
func subcommandSyntax(args [][]byte) resp.Value {
	return errorReply(apierr.New(apierr.KindInvalid, "unknown subcommand or wrong number of arguments for '%s'. Try %s HELP.",
		clip(args[1]), strings.ToUpper(clip(args[0]))))
}

// missingSubcommand answers a command that needs a subcommand and has none. Its arity refuses it before.
func missingSubcommand(_ *conn, args [][]byte) resp.Value {
	return errorReply(apierr.New(apierr.KindInvalid, "wrong number of arguments for '%s' command", strings.ToLower(clip(args[0]))))
}
