package respserver

import (
	"strings"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/resp"
)

// inspects names those commands of operators that change nothing. All others are told to the audit log, also those that come
// to the table later.
var inspects = map[string]bool{
	"acl|list": true, "acl|users": true, "acl|getuser": true, "acl|dryrun": true, "acl|load": true, "acl|save": true,
	"slowlog|get": true, "slowlog|len": true,
	"latency|doctor": true, "latency|histogram": true, "latency|history": true, "latency|latest": true,
	"client|list": true, "client|no-evict": true, "config|get": true, "lastsave": true,
	"cluster|replicas": true, "cluster|slaves": true, "cluster|getslotmigrations": true, "cluster|count-failure-reports": true,
	"cluster|saveconfig": true,
}

// isAudited tells whether somebody may want to know later who ran a command.
func isAudited(spec *command.Spec) bool {
	return spec.Flag(command.Admin) && !inspects[spec.Name] || spec.Name == "flushall" || spec.Name == "flushdb"
}

// audited is a handler whose calls are told to the audit log, whatever came of them.
func audited(h handler) handler {
	return func(c *conn, args [][]byte) resp.Value {
		user, name := c.user.Name(), auditText(args)
		v := h(c, args)
		outcome := "ok"
		if v.IsError() {
			outcome = string(v.Str)
		}
		c.server.cfg.Logger.Info("admin action", "audit", true, "user", user, "from", c.remote, "command", name, "outcome", outcome)
		return v
	}
}

const (
	auditArgsMax  = 16
	auditBytesMax = 128
)

// auditText writes a command with neither its secrets nor more of it than a line holds.
func auditText(args [][]byte) string {
	var b strings.Builder
	secret := false // the next argument is one
	setsUser := len(args) > 1 && word(args[0], "ACL") && word(args[1], "SETUSER")
	sets := len(args) > 1 && word(args[0], "CONFIG") && word(args[1], "SET")
	for i, arg := range args[:min(len(args), auditArgsMax)] {
		if i > 0 {
			b.WriteByte(' ')
		}
		text := string(arg)
		switch {
		case secret:
			text = "(hidden)"
		case setsUser && i > 2:
			text = acl.Redact(text)
		}
		secret = sets && i >= 2 && i%2 == 0 && isSecret(arg)
		b.WriteString(text[:min(len(text), auditBytesMax)])
	}
	if len(args) > auditArgsMax {
		b.WriteString(" ...")
	}
	return b.String()
}

// isSecret tells whether a setting's value is for nobody's eyes.
func isSecret(setting []byte) bool {
	return word(setting, "REQUIREPASS") || word(setting, "MASTERAUTH") || word(setting, "TLS-KEY-FILE-PASS")
}
