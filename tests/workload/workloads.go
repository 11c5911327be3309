package workload

// all is in the order in which one would read it.
var all = []Workload{
	{
		Name: "register", About: "SET, GET, SET NX GET, compare-and-set, GETDEL and DEL, some with a TTL; each key is linearizable",
		begin: beginRegisters, judge: judgeRegisters,
	},
	{
		Name: "append", About: "APPEND of unique ids; none is lost, doubled or out of order",
		begin: beginAppends, judge: judgeAppends,
	},
	{
		Name: "counter", About: "INCR and INCRBY; what is acknowledged counts once",
		begin: beginCounters, judge: judgeCounters,
	},
	{
		Name: "set", About: "keys that are written once; every acknowledged one is there",
		begin: beginElements, judge: judgeElements,
	},
	{
		Name: "transaction", About: "two keys written by one MULTI; they are always equal",
		begin: beginTwins, judge: judgeTwins,
	},
	{
		Name: "ttl", About: "keys with a TTL; there before their expiry, gone after it, and for good",
		begin: beginExpiring, judge: judgeExpiring, unread: true,
	},
	{
		Name: "eviction", About: "more than maxmemory holds; a key may be gone, but what it holds is never old",
		Alone: true, Config: [][2]string{{"maxmemory", "6291456"}, {"maxmemory-policy", "allkeys-lru"}},
		begin: beginEvictable, judge: judgeEvictable, evicts: true,
	},
	{
		Name: "async", About: "writes that are acknowledged before a majority has them; what a failing leader loses is measured",
		begin: beginAsync, judge: judgeAsync,
	},
	{
		Name: "stale", About: "reads at any replica beside increments; they go forward on each connection and see nothing that never was",
		begin: beginStale, judge: judgeStale,
	},
}
