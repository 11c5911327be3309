package respserver

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// Setting is one row of CONFIG GET.
type Setting struct{ Name, Value string }

// Settings are the settings of node and cluster that CONFIG reaches, by their names in redis.conf where Redis has them.
type Settings interface {
	// List is every setting with its value.
	List() []Setting
	// Set changes a setting, everywhere where that is what it is about, and returns when that is done. It returns
	// ErrNotSettable for a setting that is given at start, other errors for a value that is refused.
	Set(ctx context.Context, name, value string) error
}

// ErrNotSettable says that a setting cannot be changed while the node runs.
var ErrNotSettable = apierr.New(apierr.KindUnsupported, "can't set immutable config")

// settings lists all settings; those of Config.Settings come before the fixed ones of the same name.
func (s *Server) settings() []Setting {
	var list []Setting
	if s.cfg.Settings != nil {
		list = s.cfg.Settings.List()
	}
	for _, fixed := range s.fixedSettings() {
		if !slices.ContainsFunc(list, func(x Setting) bool { return x.Name == fixed.Name }) {
			list = append(list, fixed)
		}
	}
	slices.SortFunc(list, func(a, b Setting) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

// fixedSettings are what tools ask for before they start (redis-benchmark: save, appendonly; redis-cli: databases) and
// what is so in Holt whatever the configuration.
func (s *Server) fixedSettings() []Setting {
	return []Setting{
		{"appendonly", "yes"},
		{"appendfsync", "always"},
		{"save", ""},
		{"databases", "1"},
		{"cluster-enabled", "yes"},
		{"maxmemory", "0"},
		{"maxmemory-policy", "noeviction"},
		{"maxclients", strconv.Itoa(s.limits.ClientsMax)},
		{"timeout", strconv.FormatInt(int64(s.limits.IdleTimeout/time.Second), 10)},
		{"proto-max-bulk-len", strconv.Itoa(s.cfg.Protocol.BulkBytesMax)},
		{"client-query-buffer-limit", strconv.Itoa(s.cfg.Protocol.QueryBufferBytesMax)},
		{"tracking-table-max-bytes", strconv.Itoa(s.limits.TrackingBytesMax)},
	}
}

// configGet is CONFIG GET pattern ...
func (c *conn) configGet(args [][]byte) resp.Value {
	fields := []resp.Value{}
	for _, setting := range c.server.settings() {
		for _, arg := range args[2:] {
			if matchPattern(strings.ToLower(clip(arg)), setting.Name) {
				fields = append(fields, resp.BulkString(setting.Name), resp.BulkString(setting.Value))
				break
			}
		}
	}
	return resp.Map(fields...)
}

// configSetMax bounds how long CONFIG SET takes: some settings are the cluster's.
const configSetMax = 2 * time.Second

// configSet is CONFIG SET name value ...; what comes before an error stays set. A fixed setting may be given the value
// that it has: test suites and tools do that.
func (c *conn) configSet(args [][]byte) resp.Value {
	if len(args)%2 != 0 {
		return errorReply(apierr.New(apierr.KindInvalid, "wrong number of arguments for 'config|set' command"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), configSetMax)
	defer cancel()
	for i := 2; i < len(args); i += 2 {
		if err := c.server.setSetting(ctx, strings.ToLower(clip(args[i])), string(args[i+1])); err != nil {
			return errorReply(err)
		}
	}
	c.arrived = time.Now()
	return resp.OK()
}

func (s *Server) setSetting(ctx context.Context, name, value string) error {
	list := s.settings()
	i := slices.IndexFunc(list, func(x Setting) bool { return x.Name == name })
	if i < 0 {
		return apierr.New(apierr.KindInvalid, "Unknown option or number of arguments for CONFIG SET - '%s'", name)
	}
	if list[i].Value == value {
		return nil
	}
	err := error(ErrNotSettable)
	if s.cfg.Settings != nil && slices.ContainsFunc(s.cfg.Settings.List(), func(x Setting) bool { return x.Name == name }) {
		err = s.cfg.Settings.Set(ctx, name, value)
	}
	if err != nil {
		return apierr.New(apierr.KindInvalid, "CONFIG SET failed (possibly related to argument '%s') - %w", name, err)
	}
	return nil
}

func (c *conn) configResetStat([][]byte) resp.Value {
	c.server.resetStats()
	return resp.OK()
}

// configRewrite has nothing to write: settings of the cluster are kept by it, those of the node are its flags.
func (c *conn) configRewrite([][]byte) resp.Value {
	return errorReply(apierr.New(apierr.KindUnsupported, "The server is running without a config file: cluster settings are kept by the cluster, node settings are flags"))
}

// matchPattern matches a name against a pattern with * and ? (the iterative algorithm: time is bounded by the product
// of the lengths, and those are short).
func matchPattern(pattern, name string) bool {
	p, n, star, mark := 0, 0, -1, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			p++
			n++
		case star >= 0:
			mark++
			p, n = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
