package respserver

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

func nowNano() int64 { return time.Now().UnixNano() }

var (
	errClientID   = apierr.New(apierr.KindInvalid, "Invalid client ID")
	errClientNone = apierr.New(apierr.KindInvalid, "No such client")
)

// clientFilter selects connections; what is not set does not count.
type clientFilter struct {
	ids               []int64
	kind              string
	user, addr, local *string
	skip              *conn
}

func (f *clientFilter) match(c *conn) bool {
	switch {
	case c == f.skip,
		f.ids != nil && !slices.Contains(f.ids, c.id),
		f.kind != "" && f.kind != c.kind(),
		f.user != nil && *f.user != c.userLabel(),
		f.addr != nil && *f.addr != c.remote,
		f.local != nil && *f.local != c.local:
		return false
	}
	return true
}

// clientKinds are the client types of Redis.
var clientKinds = []string{"normal", "master", "replica", "slave", "pubsub"}

// kind is the connection's type; there are no masters and replicas.
func (c *conn) kind() string {
	if c.listens() {
		return "pubsub"
	}
	return "normal"
}

func (f *clientFilter) setKind(arg []byte) *apierr.Error {
	f.kind = strings.ToLower(clip(arg))
	if !slices.Contains(clientKinds, f.kind) {
		return apierr.New(apierr.KindInvalid, "Unknown client type '%s'", clip(arg))
	}
	return nil
}

func (c *conn) clientList(args [][]byte) resp.Value {
	var f clientFilter
	switch options := args[2:]; {
	case len(options) == 0:
	case word(options[0], "TYPE") && len(options) == 2:
		if err := f.setKind(options[1]); err != nil {
			return errorReply(err)
		}
	case word(options[0], "ID") && len(options) >= 2:
		for _, arg := range options[1:] {
			id, err := ops.ParseInt(arg)
			if err != nil {
				return errorReply(errClientID)
			}
			f.ids = append(f.ids, id)
		}
	default:
		return errorReply(errSyntax)
	}
	clients := c.server.clients()
	slices.SortFunc(clients, func(a, b *conn) int { return cmp.Compare(a.id, b.id) })
	var text strings.Builder
	for _, other := range clients {
		if f.match(other) {
			text.WriteString(other.describe())
			text.WriteByte('\n')
		}
	}
	return resp.Verbatim("txt", text.String())
}

// clientKill is CLIENT KILL addr, or CLIENT KILL filter value ...
func (c *conn) clientKill(args [][]byte) resp.Value {
	if len(args) == 3 {
		addr := string(args[2])
		if c.kill(&clientFilter{addr: &addr}) == 0 {
			return errorReply(errClientNone)
		}
		return resp.OK()
	}
	f := clientFilter{skip: c}
	for rest := args[2:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 {
			return errorReply(errSyntax)
		}
		if err := f.option(c, rest[0], rest[1]); err != nil {
			return errorReply(err)
		}
	}
	return resp.Int(int64(c.kill(&f)))
}

func (f *clientFilter) option(c *conn, name, value []byte) *apierr.Error {
	switch {
	case word(name, "ID"):
		id, err := ops.ParseInt(value)
		if err != nil || id <= 0 {
			return apierr.New(apierr.KindInvalid, "client-id should be greater than 0")
		}
		f.ids = []int64{id}
	case word(name, "TYPE"):
		return f.setKind(value)
	case word(name, "USER"):
		user := string(value)
		f.user = &user
		if _, known := c.server.cfg.Access.Users().User(user); !known {
			return apierr.New(apierr.KindInvalid, "No such user '%s'", clip(value))
		}
	case word(name, "ADDR"):
		addr := string(value)
		f.addr = &addr
	case word(name, "LADDR"):
		local := string(value)
		f.local = &local
	case word(name, "SKIPME") && word(value, "YES"):
		f.skip = c
	case word(name, "SKIPME") && word(value, "NO"):
		f.skip = nil
	default:
		return errSyntax
	}
	return nil
}

// kill closes the connections that match; this one after its reply.
func (c *conn) kill(f *clientFilter) (killed int) {
	for _, other := range c.server.clients() {
		if !f.match(other) || !other.killed.CompareAndSwap(false, true) {
			continue
		}
		killed++
		if other == c {
			c.closing = true
			continue
		}
		_ = other.nc.Close()
	}
	return killed
}
