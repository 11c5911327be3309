package respserver

import (
	"fmt"
	"strings"

	"github.com/holtcache/holt/gateway/pubsub"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
)

// clientHandlers are the subcommands of CLIENT.
func clientHandlers() map[string]handler {
	return map[string]handler{
		"client|id":   func(c *conn, _ [][]byte) resp.Value { return resp.Int(c.id) },
		"client|info": func(c *conn, _ [][]byte) resp.Value { return resp.Verbatim("txt", c.describe()+"\n") },
		"client|list": (*conn).clientList, "client|kill": (*conn).clientKill,
		"client|setname": (*conn).clientSetName, "client|getname": (*conn).clientGetName, "client|setinfo": (*conn).clientSetInfo,
		"client|no-evict": (*conn).clientNoEvict, "client|no-touch": (*conn).clientNoTouch,
		"client|reply": (*conn).clientReply, "client|durability": (*conn).clientDurability, "client|readmode": (*conn).clientReadMode, "client|routing": (*conn).clientRouting, "client|written": (*conn).clientWritten,
		"client|tracking": (*conn).clientTracking, "client|trackinginfo": (*conn).clientTrackingInfo,
		"client|getredir": (*conn).clientGetRedir, "client|caching": (*conn).clientCaching,
		"client|pause": (*conn).clientPause, "client|unpause": (*conn).clientUnpause, "client|unblock": (*conn).clientUnblock,
	}
}

// nameBytesMax bounds what clients call themselves, since CLIENT LIST repeats it for all of them.
const nameBytesMax = 256

// checkName refuses a name that does not fit into a line of CLIENT LIST.
func checkName(what string, name []byte) *apierr.Error {
	for _, ch := range name {
		if ch < '!' || ch > '~' {
			return apierr.New(apierr.KindInvalid, "%s cannot contain spaces, newlines or special characters.", what)
		}
	}
	if len(name) > nameBytesMax {
		return apierr.New(apierr.KindInvalid, "%s cannot be longer than %d bytes (limit nameBytesMax)", what, nameBytesMax)
	}
	return nil
}

// clientNames is what CLIENT SETNAME sets, in the words of Redis.
const clientNames = "Client names"

func (c *conn) setProfile(change func(*profile)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.name)
}

func (c *conn) profile() profile {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.name
}

func (c *conn) clientSetName(args [][]byte) resp.Value {
	if err := checkName(clientNames, args[2]); err != nil {
		return errorReply(err)
	}
	c.setProfile(func(p *profile) { p.name = string(args[2]) })
	return resp.OK()
}

func (c *conn) clientGetName([][]byte) resp.Value {
	if name := c.profile().name; name != "" {
		return resp.BulkString(name)
	}
	return resp.Null()
}

func (c *conn) clientSetInfo(args [][]byte) resp.Value {
	attribute := strings.ToLower(clip(args[2]))
	if attribute != "lib-name" && attribute != "lib-ver" {
		return errorReply(apierr.New(apierr.KindInvalid, "Unrecognized option '%s'", clip(args[2])))
	}
	if err := checkName(attribute, args[3]); err != nil {
		return errorReply(err)
	}
	c.setProfile(func(p *profile) {
		if attribute == "lib-name" {
			p.library = string(args[3])
		} else {
			p.version = string(args[3])
		}
	})
	return resp.OK()
}

// clientNoEvict has nothing to switch: no connection is closed because memory is short. CLIENT LIST shows what was asked for.
func (c *conn) clientNoEvict(args [][]byte) resp.Value {
	return c.onOff(args[2], func(on bool) { c.show(shownNoEvict, on) })
}

func (c *conn) clientNoTouch(args [][]byte) resp.Value {
	return c.onOff(args[2], func(on bool) {
		c.noTouch = on
		c.show(shownNoTouch, on)
	})
}

func (c *conn) onOff(arg []byte, do func(on bool)) resp.Value {
	if !word(arg, "ON") && !word(arg, "OFF") {
		return errorReply(errSyntax)
	}
	do(word(arg, "ON"))
	return resp.OK()
}

// replyMode says whether commands are answered.
type replyMode uint8

const (
	replyOn   replyMode = iota
	replyOff            // none is
	replySkip           // the next one is not
)

func (c *conn) clientReply(args [][]byte) resp.Value {
	switch {
	case word(args[2], "ON"):
		c.replyMode, c.silent = replyOn, false
	case word(args[2], "OFF"):
		c.replyMode, c.silent = replyOff, true
	case word(args[2], "SKIP"):
		if c.replyMode != replyOff {
			c.replyMode = replySkip
		}
		c.silent = true
	default:
		return errorReply(errSyntax)
	}
	return resp.OK()
}

func (c *conn) clientDurability(args [][]byte) resp.Value {
	switch {
	case word(args[2], "ASYNC"):
		c.ack = router.AckAsync
	case word(args[2], "MAJORITY"):
		c.ack = router.AckMajority
	default:
		return errorReply(errSyntax)
	}
	return resp.OK()
}

func (c *conn) clientReadMode(args [][]byte) resp.Value {
	switch {
	case word(args[2], "LEASE"):
		c.readMode = router.ReadLease
	case word(args[2], "INDEX"):
		c.readMode = router.ReadIndex
	case word(args[2], "STALE"):
		c.readMode = router.ReadStale
	default:
		return errorReply(errSyntax)
	}
	return resp.OK()
}

// clientRouting lets a client that knows the slot map be redirected by a server that otherwise redirects nobody. Such servers ask it of
// each other, so that no command goes in circles.
func (c *conn) clientRouting(args [][]byte) resp.Value {
	switch {
	case word(args[2], "CLUSTER"):
		c.proxied = false
	case !word(args[2], "PROXY"):
		return errorReply(errSyntax)
	case c.server.cfg.Proxy == nil:
		return errorReply(apierr.New(apierr.KindUnsupported, "this server redirects clients; use a client for clusters, or connect to one that is started with --resp-mode proxy"))
	case c.track.tracker != nil:
		return errorReply(apierr.New(apierr.KindInvalid, "keys are tracked at this node alone; CLIENT TRACKING OFF first"))
	default:
		c.proxied = true
	}
	return resp.OK()
}

// describe is the connection's line in CLIENT LIST.
func (c *conn) describe() string {
	p, now := c.profile(), nowNano()
	name := "NULL"
	if spec := c.lastSpec.Load(); spec != nil {
		name = spec.Name
	}
	return fmt.Sprintf("id=%d addr=%s laddr=%s fd=-1 name=%s age=%d idle=%d flags=%s db=0 sub=%d psub=%d ssub=%d multi=%d "+
		"qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%d tot-mem=0 events=r cmd=%s user=%s redir=%d resp=%d lib-name=%s lib-ver=%s",
		c.id, c.remote, c.local, p.name, (now-c.since.UnixNano())/1e9, max(now-c.lastActive.Load(), 0)/1e9, c.shownFlags(),
		c.subscriptions(pubsub.Channel), c.subscriptions(pubsub.Pattern), c.subscriptions(pubsub.ShardChannel), c.queued.Load(),
		c.out.waiting(), name, c.userLabel(), c.shownRedirect.Load(), c.shownProto.Load(), p.library, p.version)
}
