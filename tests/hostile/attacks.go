package hostile

import (
	"slices"
	"strings"

	"github.com/holtcache/holt/shard/transport"
)

// Port is one of a node's ports.
type Port int

// The ports.
const (
	RESPPort Port = iota + 1
	GRPCPort
	ClusterPort
	GossipPort
	HTTPPort
)

// garbage is the beginning of nothing.
var garbage = strings.Repeat("\xff\x00\xfe\x01", 4<<10)

// many is how many connections send the same small input at once.
const many = 8

// Attacks are all there are. Big is a key that holds a value as large as they come.
func Attacks(big string) []Attack {
	var all []Attack
	for _, input := range RESP {
		all = append(all, Attack{input.Name, RESPPort, input.Bytes, many, Over})
	}
	get := "GET " + big + "\r\n"
	return slices.Concat(all, []Attack{
		{"a million answers that nobody reads", RESPPort, strings.Repeat("PING\r\n", 100000), 32, Unread},
		{"refusals that nobody reads", RESPPort, strings.Repeat("SET x\r\n", 100000), 32, Unread},
		{"the largest value, and nobody reads", RESPPort, strings.Repeat(get, 1000), 32, Unread},
		{"the largest value behind writes, and nobody reads", RESPPort, strings.Repeat("SET y 1\r\n"+strings.Repeat(get, 15), 50), 32, Unread},
		{"the largest value, byte by byte", RESPPort, get, 64, Sip},
		{"the largest value, broken off", RESPPort, get, 16, Reset},
		{"answers, broken off", RESPPort, strings.Repeat("PING\r\n", 10000), 16, Reset},
		{"half a command, and silence", RESPPort, "*3\r\n$3\r\nSET\r\n$1\r\nh\r\n$5\r\nhal", 500, Hold},
		{"one byte, and silence", RESPPort, "*", 5000, Hold},
		{"a value byte by byte", RESPPort, "*3\r\n$3\r\nSET\r\n$1\r\nt\r\n$8388608\r\n" + strings.Repeat("t", 8<<20), 100, Trickle},
		{"half a value of 8 MiB", RESPPort, "*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$8388608\r\n" + strings.Repeat("z", 8<<20-1), 32, Hold},
		{"values of 8 MiB", RESPPort, "*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$8388608\r\n" + strings.Repeat("z", 8<<20) + "\r\n", 4, Over},
		{"a value over its limit", RESPPort, "*3\r\n$3\r\nSET\r\n$1\r\nz\r\n$8388609\r\n" + strings.Repeat("z", 8<<20+1) + "\r\n", 4, Over},
		{"a million arguments", RESPPort, "*1000000\r\n" + strings.Repeat("$1\r\na\r\n", 1000000), 4, Over},
		{"subscribers to everything who do not read", RESPPort, "HELLO 3\r\nCLIENT TRACKING ON\r\n" + strings.Repeat("GET t\r\nSET t 1\r\n", 1000), 16, Unread},
		{"AUTH again and again", RESPPort, strings.Repeat("AUTH wrong\r\n", 1000), many, Over},
		{"a password of 1 MiB", RESPPort, "*2\r\n$4\r\nAUTH\r\n$1048576\r\n" + strings.Repeat("p", 1<<20) + "\r\n", many, Over},
		{"connections that come and go", RESPPort, "PING\r\n", 32, Reset},

		{"gRPC: garbage", GRPCPort, garbage, many, Over},
		{"gRPC: a browser", GRPCPort, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", many, Over},
		{"gRPC: garbage behind the preface", GRPCPort, preface + garbage, many, Over},
		{"gRPC: calls that are reset at once", GRPCPort, resets(5000), many, Over},
		{"gRPC: calls that say nothing", GRPCPort, opens(5000), many, Hold},
		{"gRPC: pings", GRPCPort, pings(10000), many, Unread},
		{"gRPC: headers without an end", GRPCPort, continued(100), many, Over},
		{"gRPC: a message of 4 GiB", GRPCPort, declared(1<<32 - 1), many, Hold},
		{"gRPC: half a message of 60 MiB", GRPCPort, declared(60 << 20), 100, Hold},
		{"gRPC: half a preface", GRPCPort, "PRI * HTTP", 500, Hold},

		{"cluster: garbage", ClusterPort, garbage, many, Over},
		{"cluster: a frame of 4 GiB", ClusterPort, string(transport.Preface) + "\xff\xff\xff\xff\xff\xff\xff\xff" + garbage, many, Over},
		{"cluster: silence", ClusterPort, string(transport.Preface), 500, Hold},
		{"gossip: garbage", GossipPort, garbage, many, Over},
		{"gossip: silence", GossipPort, "\x00", 500, Hold},
		{"HTTP: garbage", HTTPPort, garbage, many, Over},
		{"HTTP: headers without an end", HTTPPort, "GET / HTTP/1.1\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 10000), many, Over},
		{"HTTP: half a request", HTTPPort, "GET /metrics HTTP/1.1\r\nHost: ", 500, Hold},
		{"HTTP: metrics again and again", HTTPPort, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 4, Over},
	})
}
