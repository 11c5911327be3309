package respserver

import (
	"cmp"
	"context"
	"errors"
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
	// Set changes settings, all of them or none, everywhere where that is what they are about, and returns when that is
	// done. An error says which setting it is about (SettingError) where it is about one: ErrNotSettable for one that is
	// given at start, other errors for a value that is refused.
	Set(ctx context.Context, changes []Setting) error
}

// SettingError is what is wrong with the new value of one setting.
type SettingError struct {
	Name string
	Err  error
}

func (e *SettingError) Error() string { return "setting " + e.Name + ": " + e.Err.Error() }

// Unwrap is what is wrong, without the name.
func (e *SettingError) Unwrap() error { return e.Err }

// ErrNotSettable says that a setting cannot be changed while the node runs.
var ErrNotSettable = apierr.New(apierr.KindUnsupported, "can't set immutable config")

// settings lists all settings; those of Config.Settings come before the fixed ones of the same name.
func (s *Server) settings() []Setting {
	var list []Setting
	if s.cfg.Settings != nil {
		list = s.cfg.Settings.List()
	}
	list = append(list, s.observer.settings()...)
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
		{"maxmemory-samples", "5"},
		{"lfu-log-factor", "10"},
		{"lfu-decay-time", "1"},
		{"databases", "1"},
		{"cluster-enabled", "yes"},
		{"maxmemory", "0"},
		{"maxmemory-policy", "noeviction"},
		{"min-replicas-to-write", strconv.Itoa(s.replicasForWrite())},
		{"min-replicas-max-lag", "1"}, // seconds; a leader that hears of no quorum stops before
		{"cluster-require-full-coverage", "no"},
		{"notify-keyspace-events", ""},
		{"latency-tracking", "yes"},
		{"latency-tracking-info-percentiles", "50 99 99.9"},
		{"enable-debug-command", map[bool]string{false: "no", true: "yes"}[s.cfg.EnableDebug]},
		{"maxclients", strconv.Itoa(s.limits.ClientsMax)},
		{"maxmemory-clients", strconv.Itoa(s.limits.ClientsBytesMax)},
		{"timeout", strconv.FormatInt(int64(s.limits.IdleTimeout/time.Second), 10)},
		{"proto-max-bulk-len", strconv.Itoa(s.cfg.Protocol.BulkBytesMax)},
		{"client-query-buffer-limit", strconv.Itoa(s.cfg.Protocol.QueryBufferBytesMax)},
		{"tracking-table-max-bytes", strconv.Itoa(s.limits.TrackingBytesMax)},
	}
}

// replicasForWrite is how many other replicas have to take a write before it is acknowledged by a majority: on the shards of
// this node, where they are fewest. Redis' min-replicas-to-write refuses a write where so many are not there; here it is always
// so, and follows from how many replicas shards have.
func (s *Server) replicasForWrite() int {
	facts := s.facts()
	fewest := 0
	for i, shard := range facts.Shards {
		if needed := (shard.Replicas + 1) / 2; i == 0 || needed < fewest {
			fewest = needed
		}
	}
	return fewest
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

// configSet is CONFIG SET name value ...: all of it, or nothing.
func (c *conn) configSet(args [][]byte) resp.Value {
	if len(args)%2 != 0 {
		return errorReply(errSyntax)
	}
	ctx, cancel := context.WithTimeout(context.Background(), configSetMax)
	defer cancel()
	var wanted []Setting
	var given []string // the names as they were given, for errors
	for i := 2; i < len(args); i += 2 {
		given = append(given, clip(args[i]))
		wanted = append(wanted, Setting{strings.ToLower(clip(args[i])), string(args[i+1])})
	}
	err := c.server.setSettings(ctx, wanted, given)
	c.arrived = time.Now()
	if err != nil {
		return errorReply(err)
	}
	return resp.OK()
}

// setSettings checks names first, then values, then changes all (Redis, config.c, configSetCommand). A fixed setting may
// be given the value that it has: test suites and tools do that.
func (s *Server) setSettings(ctx context.Context, wanted []Setting, given []string) error {
	list := s.settings()
	var live []Setting
	if s.cfg.Settings != nil {
		live = s.cfg.Settings.List()
	}
	var changes []Setting
	var own []func()
	for i, w := range wanted {
		named := func(x Setting) bool { return x.Name == w.Name }
		at := slices.IndexFunc(list, named)
		switch {
		case at < 0:
			return apierr.New(apierr.KindInvalid, "Unknown option or number of arguments for CONFIG SET - '%s'", given[i])
		case slices.ContainsFunc(wanted[:i], named):
			return refusedSetting(w.Name, errTwice)
		case slices.ContainsFunc(live, named):
			changes = append(changes, w)
		case slices.ContainsFunc(ownSettings, func(x ownSetting) bool { return x.name == w.Name }):
			apply, err := s.observer.prepare(w)
			if err != nil {
				return refusedSetting(w.Name, err)
			}
			own = append(own, apply)
		case list[at].Value != w.Value:
			return refusedSetting(w.Name, ErrNotSettable)
		}
	}
	if len(changes) > 0 {
		err := s.cfg.Settings.Set(ctx, changes)
		var one *SettingError
		switch {
		case errors.As(err, &one):
			return refusedSetting(one.Name, one.Err)
		case err != nil:
			return refusedSetting(changes[0].Name, err)
		}
	}
	for _, apply := range own {
		apply()
	}
	return nil
}

var errTwice = apierr.New(apierr.KindInvalid, "duplicate parameter")

// refusedSetting is the error of CONFIG SET with the text of Redis. What became of the change is that of err.
func refusedSetting(name string, err error) error {
	refused := apierr.New(apierr.KindInvalid, "CONFIG SET failed (possibly related to argument '%s') - %w", name, err)
	refused.Outcome = apierr.Of(err).Result()
	return refused
}

func (c *conn) configResetStat([][]byte) resp.Value {
	c.server.resetStats()
	return resp.OK()
}

// configRewrite has nothing to write: what CONFIG SET changes is durable when it answers. At the next start a flag of the
// node counts more, as an argument of redis-server counts more than its file.
func (c *conn) configRewrite([][]byte) resp.Value { return resp.OK() }

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
