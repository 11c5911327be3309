package respserver

import "github.com/holtcache/holt/gateway/resp"

// allHandlers are the commands that the connection or the server answers, by their names in the command table.
func allHandlers() map[string]handler {
	handlers := map[string]handler{
		"ping": (*conn).ping, "echo": (*conn).echo, "quit": (*conn).quit, "reset": (*conn).reset,
		"select": (*conn).selectDB, "auth": (*conn).auth, "hello": (*conn).hello,
		"readonly": (*conn).setReadOnly, "readwrite": (*conn).setReadWrite, "asking": (*conn).setAsking,
		"multi": (*conn).begin, "discard": (*conn).discard, "watch": (*conn).watchKeys, "unwatch": (*conn).unwatch,
		"scan": (*conn).scan, "keys": (*conn).keys, "randomkey": (*conn).randomKey,
		"wait": (*conn).waitReplicas, "waitaof": (*conn).waitSynced, "debug": (*conn).debug, "shutdown": (*conn).shutdown,
		"role": (*conn).role, "time": (*conn).time, "dbsize": (*conn).dbSize,
		"flushall": (*conn).flush, "flushdb": (*conn).flush, "lastsave": (*conn).lastSave,
		"save": (*conn).save, "bgsave": (*conn).bgSave, "bgrewriteaof": (*conn).rewriteAOF,
		"info": (*conn).info, "config|get": (*conn).configGet, "config|set": (*conn).configSet,
		"config|resetstat": (*conn).configResetStat, "config|rewrite": (*conn).configRewrite,
		"memory|doctor": (*conn).memoryDoctor, "memory|stats": (*conn).memoryStats, "memory|purge": (*conn).memoryPurge,
		"memory|malloc-stats": (*conn).mallocStats,
		"function|flush":      (*conn).scriptFlush, "script|flush": (*conn).scriptFlush,
		"script|load": (*conn).scriptLoad, "script|exists": (*conn).scriptExists, "script|kill": (*conn).scriptKill,
		"slowlog|get": (*conn).slowLogGet, "slowlog|len": (*conn).slowLogLen, "slowlog|reset": (*conn).slowLogReset,
		"latency|doctor": (*conn).latencyDoctor, "latency|histogram": (*conn).latencyHistogram, "latency|history": (*conn).latencyHistory,
		"latency|latest": (*conn).latencyLatest, "latency|reset": (*conn).latencyReset,
	}
	for _, more := range []map[string]handler{clientHandlers(), clusterHandlers(), clusterAdminHandlers(), aclHandlers()} {
		for name, h := range more {
			handlers[name] = h
		}
	}
	for _, name := range []string{"command", "command|count", "command|info", "command|docs", "command|list", "command|getkeys", "command|getkeysandflags"} {
		handlers[name] = func(c *conn, args [][]byte) resp.Value { return c.server.cfg.Table.CommandReply(args) }
	}
	for _, parent := range []string{"acl", "client", "cluster", "command", "config", "function", "latency", "memory", "object", "script", "slowlog"} {
		if handlers[parent] == nil {
			handlers[parent] = missingSubcommand
		}
		handlers[parent+"|help"] = func(c *conn, args [][]byte) resp.Value { return c.server.cfg.Table.HelpReply(args) }
	}
	return handlers
}
