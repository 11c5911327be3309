package respserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// UserKeeper changes the users of the cluster. Its errors are *apierr.Error.
type UserKeeper interface {
	// SetUser applies rules to a user, or makes one; all of them or none. It returns when the node goes by that.
	SetUser(ctx context.Context, name string, rules []string) error
	// DeleteUser takes a user out and tells whether there was one.
	DeleteUser(ctx context.Context, name string) (deleted bool, err error)
}

func aclHandlers() map[string]handler {
	return map[string]handler{
		"acl|whoami": func(c *conn, _ [][]byte) resp.Value { return resp.BulkString(c.user.Name()) },
		"acl|list":   (*conn).aclList, "acl|users": (*conn).aclUsers, "acl|cat": (*conn).aclCat,
		"acl|setuser": (*conn).aclSetUser, "acl|getuser": (*conn).aclGetUser, "acl|deluser": (*conn).aclDelUser,
		"acl|genpass": (*conn).aclGenPass, "acl|dryrun": (*conn).aclDryRun, "acl|log": (*conn).aclLog,
		"acl|save": noACLFile, "acl|load": noACLFile,
	}
}

var (
	errNoUserKeeper = apierr.New(apierr.KindUnsupported, "users cannot be changed here")
	errUserName     = apierr.New(apierr.KindInvalid, "Usernames can't contain spaces or null characters")
	errACLFile      = apierr.New(apierr.KindInvalid, "This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.")
	errGenPass      = apierr.New(apierr.KindInvalid, "ACL GENPASS argument must be the number of bits for the output password, a positive number up to %d", genPassBitsMax)
)

// noACLFile: users are in the meta group, durable as soon as ACL SETUSER has answered.
func noACLFile(*conn, [][]byte) resp.Value { return errorReply(errACLFile) }

func (c *conn) aclList([][]byte) resp.Value {
	var lines []resp.Value
	for _, u := range c.server.cfg.Access.Users().All() {
		lines = append(lines, resp.BulkString("user "+u.Name()+" "+u.Rules()))
	}
	return resp.Array(lines...)
}

func (c *conn) aclUsers([][]byte) resp.Value {
	var names []resp.Value
	for _, u := range c.server.cfg.Access.Users().All() {
		names = append(names, resp.BulkString(u.Name()))
	}
	return resp.Array(names...)
}

func (c *conn) aclCat(args [][]byte) resp.Value {
	list := command.Categories()
	if len(args) > 3 {
		return subcommandSyntax(args)
	}
	if len(args) == 3 {
		category := command.CategoryByName(string(args[2]))
		if category == 0 {
			return errorReply(apierr.New(apierr.KindInvalid, "Unknown category '%s'", clip(args[2])))
		}
		list = nil
		for _, spec := range c.server.cfg.Table.All() {
			for _, s := range append([]*command.Spec{spec}, spec.Subcommands...) {
				if s.Categories&category != 0 && len(s.Subcommands) == 0 {
					list = append(list, s.Name)
				}
			}
		}
	}
	return resp.Array(bulkStrings(list)...)
}

func bulkStrings(texts []string) []resp.Value {
	values := make([]resp.Value, len(texts))
	for i, text := range texts {
		values[i] = resp.BulkString(text)
	}
	return values
}

func (c *conn) aclSetUser(args [][]byte) resp.Value {
	keeper := c.server.cfg.Users
	if keeper == nil {
		return errorReply(errNoUserKeeper)
	}
	if bytes.ContainsAny(args[2], " \t\n\v\f\r\x00") {
		return errorReply(errUserName)
	}
	rules := make([]string, len(args)-3)
	for i := range rules {
		rules[i] = string(args[3+i])
	}
	ctx, cancel := context.WithTimeout(context.Background(), configSetMax)
	defer cancel()
	err := keeper.SetUser(ctx, string(args[2]), rules)
	c.arrived = time.Now()
	if err != nil {
		return errorReply(err)
	}
	return resp.OK()
}

func (c *conn) aclDelUser(args [][]byte) resp.Value {
	keeper := c.server.cfg.Users
	if keeper == nil {
		return errorReply(errNoUserKeeper)
	}
	for _, name := range args[2:] {
		if err := acl.CheckNotDefault(string(name)); err != nil {
			return errorReply(err)
		}
	}
	deleted := 0
	ctx, cancel := context.WithTimeout(context.Background(), configSetMax)
	defer cancel()
	for _, name := range args[2:] {
		was, err := keeper.DeleteUser(ctx, string(name))
		if err != nil {
			return errorReply(err)
		}
		if was {
			deleted++
		}
	}
	c.arrived = time.Now()
	return resp.Int(int64(deleted))
}

func (c *conn) aclGetUser(args [][]byte) resp.Value {
	u, ok := c.server.cfg.Access.Users().User(string(args[2]))
	if !ok {
		return resp.Null()
	}
	d := u.Describe()
	var selectors []resp.Value
	for _, s := range d.Selectors {
		selectors = append(selectors, resp.Map(
			resp.BulkString("commands"), resp.BulkString(s.Commands),
			resp.BulkString("keys"), resp.BulkString(s.Keys),
			resp.BulkString("channels"), resp.BulkString(s.Channels)))
	}
	return resp.Map(
		resp.BulkString("flags"), resp.Set(bulkStrings(d.Flags)...),
		resp.BulkString("passwords"), resp.Array(bulkStrings(d.Passwords)...),
		resp.BulkString("commands"), resp.BulkString(d.Commands),
		resp.BulkString("keys"), resp.BulkString(d.Keys),
		resp.BulkString("channels"), resp.BulkString(d.Channels),
		resp.BulkString("selectors"), resp.Array(selectors...))
}

const (
	genPassBits    = 256
	genPassBitsMax = 4096
)

func (c *conn) aclGenPass(args [][]byte) resp.Value {
	bits := int64(genPassBits)
	if len(args) > 3 {
		return subcommandSyntax(args)
	}
	if len(args) == 3 {
		var err error
		if bits, err = ops.ParseInt(args[2]); err != nil {
			return errorReply(err)
		}
		if bits <= 0 || bits > genPassBitsMax {
			return errorReply(errGenPass)
		}
	}
	random := make([]byte, (bits+7)/8)
	_, _ = rand.Read(random) // it never fails
	return resp.BulkString(hex.EncodeToString(random)[:(bits+3)/4])
}

func (c *conn) aclDryRun(args [][]byte) resp.Value {
	u, ok := c.server.cfg.Access.Users().User(string(args[2]))
	if !ok {
		return errorReply(apierr.New(apierr.KindInvalid, "User '%s' not found", clip(args[2])))
	}
	spec, err := c.server.cfg.Table.Lookup(args[3:])
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "unknown command"):
		return errorReply(apierr.New(apierr.KindInvalid, "Command '%s' not found", clip(args[3])))
	case err != nil:
		return errorReply(err)
	}
	if d := u.Check(spec, args[3:]); d.Reason != 0 {
		return resp.BulkString(d.DryRun())
	}
	return resp.OK()
}

// aclLogShown is how many entries ACL LOG shows without a count.
const aclLogShown = 10

func (c *conn) aclLog(args [][]byte) resp.Value {
	log, count := &c.server.cfg.Access.Denials, int64(aclLogShown)
	switch {
	case len(args) > 3:
		return subcommandSyntax(args)
	case len(args) == 3 && word(args[2], "RESET"):
		log.Reset()
		return resp.OK()
	case len(args) == 3:
		var err error
		if count, err = ops.ParseInt(args[2]); err != nil {
			return errorReply(err)
		}
	}
	var entries []resp.Value
	for _, d := range log.Latest(int(min(count, 1<<20))) {
		age := float64(time.Since(d.Created).Milliseconds()) / 1000
		entries = append(entries, resp.Map(
			resp.BulkString("count"), resp.Int(int64(d.Count)),
			resp.BulkString("reason"), resp.BulkString(d.Reason.String()),
			resp.BulkString("context"), resp.BulkString(d.Context),
			resp.BulkString("object"), resp.BulkString(d.Object),
			resp.BulkString("username"), resp.BulkString(d.User),
			resp.BulkString("age-seconds"), resp.Double(age),
			resp.BulkString("client-info"), resp.BulkString(d.Client),
			resp.BulkString("entry-id"), resp.Int(int64(d.ID)),
			resp.BulkString("timestamp-created"), resp.Int(d.Created.UnixMilli()),
			resp.BulkString("timestamp-last-updated"), resp.Int(d.Again.UnixMilli())))
	}
	return resp.Array(entries...)
}

// userLabel is how a connection's user is shown: whoever is nobody yet counts as the default user, as in Redis.
func (c *conn) userLabel() string {
	if u := c.shownUser.Load(); u != nil {
		return u.Name()
	}
	return acl.DefaultName
}
