package respserver

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/acl"
	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/command/conformance"
	"github.com/holtcache/holt/gateway/resp"
)

var allRows = flag.Bool("all", false, "compare many more commands of each row with Redis, made of a random seed")

// Each row is compared on so many commands; with -all on many more, under the race detector on a few.
const (
	commandsPerRow     = 14
	commandsPerRowAll  = 150
	commandsPerRowRace = 3
)

// conformanceLimits are those of the Redis that the server is compared with.
var conformanceLimits = command.Limits{ValueBytesMax: 1 << 20}

// The goal: a client cannot tell Holt from Redis by what a command answers, nor by what it leaves behind. The method: for each
// row of the command table commands are made of the row itself, and sent to both, over the wire; replies and, after commands on
// keys, the keys are compared byte by byte. Differences have to be known, and every known one has to come up.
func TestEveryRowAnswersAsRedisDoes(t *testing.T) {
	socket := conformance.StartRedis(t, "--proto-max-bulk-len", fmt.Sprint(conformanceLimits.ValueBytesMax))
	f := start(t, fixtureConfig{with: func(c *Config) {
		c.Table, c.Saver = command.NewTable(conformanceLimits), savedAlready{}
		c.Access = acl.NewRegistry(c.Table, "", nil)
		c.Access.Replace(nil)
		c.Users = &memUsers{registry: c.Access}
	}})
	seed, count := uint64(1), commandsPerRow
	if raceEnabled {
		count = commandsPerRowRace
	}
	if *allRows {
		seed, count = rand.Uint64(), commandsPerRowAll
		t.Logf("seed %d", seed)
	}
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			c := &comparison{
				t: t, redis: conformance.Dial(t, "unix", socket, proto), holt: conformance.Dial(t, "tcp", f.addr, proto),
			}
			c.compareTable(f.server.cfg.Table, proto, seed+uint64(proto), count)
		})
	}
}

// compareTable sends so many commands of each row to both, and all examples of differences.
func (c *comparison) compareTable(table *command.Table, proto int, seed uint64, count int) {
	_, err := table.Lookup([][]byte{[]byte("HSET"), nil, nil, nil})
	c.hashes = err == nil
	for _, spec := range table.All() {
		for _, row := range append([]*command.Spec{spec}, spec.Subcommands...) {
			if len(row.Subcommands) == 0 && c.inRedis(row) {
				c.compareRow(row, conformance.NewGenerator(row, seed), count)
			}
		}
	}
	for i := range conformance.Differences {
		if d := &conformance.Differences[i]; d.Proto == 0 || d.Proto == proto {
			c.compareExample(table, d)
		}
	}
}

// savedAlready has nothing to save.
type savedAlready struct{}

func (savedAlready) Save(context.Context) error { return nil }
func (savedAlready) SaveInBackground() error    { return nil }

// comparison is a session with both.
type comparison struct {
	t           *testing.T
	redis, holt *conformance.Session
	// hashes tells that the table has them.
	hashes bool
	// left deletes what the last command may have left behind beside the keys of SetUp.
	left [][]string
}

// row asks Redis for a row.
func (c *comparison) row(name string) (reply []byte, there bool) {
	reply = c.redis.Do("COMMAND", "INFO", name)
	return reply, !bytes.Contains(reply, []byte("_\r\n")) && !bytes.Contains(reply, []byte("*-1")) && !bytes.Contains(reply, []byte("$-1"))
}

func (c *comparison) inRedis(row *command.Spec) bool {
	_, there := c.row(row.Name)
	return there
}

func (c *comparison) compareRow(row *command.Spec, g *conformance.Generator, count int) {
	errorsOnly, skipped := conformance.Compared(row.Name, row.Tips)
	if skipped {
		return
	}
	failures := 0
	for range count {
		args := g.Command()
		want, got := c.run(args)
		if conformance.Unordered(row.Tips) {
			want, got = sorted(want), sorted(got)
		}
		same := bytes.Equal(got, want) || errorsOnly && got[0] == want[0] && got[0] != '-'
		if !same {
			same = conformance.Explain(row.Name, args, got, want) != nil
		}
		if !same {
			c.t.Errorf("%.300q\n got %.300q\nwant %.300q", args, got, want)
		} else if row.Parse != nil && bytes.Equal(got, want) && !expiresSoon(args) {
			same = conformance.ExplainKeys(row.Name, args) || c.compareKeys(args)
		}
		if !same {
			if failures++; failures == 3 {
				return
			}
		}
		if row.Group == "connection" || row.Group == "transactions" || row.Group == "pubsub" {
			c.renew()
		}
	}
}

// renew gives both other connections, and returns when the former are gone, which some commands would list or kill.
func (c *comparison) renew() {
	c.t.Helper()
	for name, s := range map[string]*conformance.Session{"Redis": c.redis, "Holt": c.holt} {
		s.Renew()
		eventually(c.t, name+" has one client", func() bool { return bytes.Count(s.Do("CLIENT", "LIST"), []byte(" user=")) == 1 })
	}
}

// slowMax is how often a command is tried again that a machine with other work let Holt not do in time.
const slowMax = 10

// run sends a command to both, on the state of SetUp.
func (c *comparison) run(args []string) (want, got []byte) {
	c.t.Helper()
	for range slowMax {
		if c.both(append(c.left, conformance.SetUp(c.hashes)...)) {
			if want, got = c.redis.Do(args...), c.holt.Do(args...); !tooSlow(got) {
				break
			}
		}
	}
	c.left = nil
	for _, arg := range args { // any word may have become the name of a key
		c.left = append(c.left, []string{"DEL", arg})
	}
	return want, got
}

// tooSlow tells whether replies of Holt say that something was not done in time.
func tooSlow(replies []byte) bool {
	for _, word := range []string{"-UNKNOWN ", "-CLUSTERDOWN ", "-TRYAGAIN "} {
		if bytes.HasPrefix(replies, []byte(word)) || bytes.Contains(replies, []byte("\n"+word)) {
			return true
		}
	}
	return false
}

// expiresSoon tells whether a command may have given a key a time to live that ends about now: a number in the place of one.
func expiresSoon(args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		n, err := strconv.Atoi(arg)
		return err == nil && n > 0 && n < 60_000 && slices.ContainsFunc(args, func(arg string) bool {
			return strings.HasSuffix(strings.ToUpper(arg), "EX") || strings.HasPrefix(strings.ToUpper(arg), "PX") || strings.HasSuffix(strings.ToUpper(arg), "EXPIRE") || strings.EqualFold(arg, "RESTORE")
		})
	})
}

// compareExample checks that a known difference is still there.
func (c *comparison) compareExample(table *command.Table, d *conformance.Difference) {
	args := make([][]byte, len(d.Example))
	for i, arg := range d.Example {
		args[i] = []byte(arg)
	}
	row, err := table.Lookup(args)
	if err != nil {
		c.t.Errorf("%q: %v", d.Example, err)
		return
	}
	want, got := c.run(d.Example)
	if bytes.Equal(got, want) || conformance.Explain(row.Name, d.Example, got, want) != d {
		c.t.Errorf("%q is to show that: %s\n got %.300q\nwant %.300q", d.Example, d.Reason, got, want)
	}
	c.renew()
}

// both sends commands that prepare to both, and tells whether all of them were done in time.
func (c *comparison) both(commands [][]string) bool {
	c.t.Helper()
	for _, s := range []*conformance.Session{c.redis, c.holt} {
		reply := s.Pipeline(commands)
		if tooSlow(reply) {
			return false
		}
		if bytes.HasPrefix(reply, []byte("-")) || bytes.Contains(reply, []byte("\n-")) {
			c.t.Fatalf("set up: %q", reply)
		}
	}
	return true
}

// compareKeys compares what the keys hold, to the byte, and when they expire, to the minute: the clocks are two.
func (c *comparison) compareKeys(after []string) bool {
	c.t.Helper()
	commands := [][]string{append([]string{"MGET"}, conformance.Keys...)}
	got, want := c.holt.Pipeline(commands), c.redis.Pipeline(commands)
	if tooSlow(got) {
		return true
	}
	if !bytes.Equal(got, want) {
		c.t.Errorf("%.300q leaves\n got %.300q\nwant %.300q", after, got, want)
		return false
	}
	commands = nil
	for _, key := range conformance.Keys {
		commands = append(commands, []string{"PEXPIRETIME", key})
	}
	gotTimes, wantTimes := c.times(c.holt.Pipeline(commands)), c.times(c.redis.Pipeline(commands))
	for i, key := range conformance.Keys {
		apart := gotTimes[i] - wantTimes[i]
		if (gotTimes[i] < 0 || wantTimes[i] < 0) && apart != 0 || apart < -60_000 || apart > 60_000 {
			c.t.Errorf("%.300q leaves %s with expiry %d, want %d", after, key, gotTimes[i], wantTimes[i])
			return false
		}
	}
	return true
}

// times reads the integers of as many replies as there are keys.
func (c *comparison) times(replies []byte) []int64 {
	c.t.Helper()
	r := resp.NewReplyReader(bytes.NewReader(replies))
	times := make([]int64, len(conformance.Keys))
	for i := range times {
		v, err := r.Read()
		if err != nil || v.Kind != resp.KindInt {
			c.t.Fatalf("replies %q: %v", replies, err)
		}
		times[i] = v.Int
	}
	return times
}

// sorted is an array of strings in the order of its elements.
func sorted(reply []byte) []byte {
	if reply[0] != '*' {
		return reply
	}
	head, rest, _ := strings.Cut(string(reply), "\r\n")
	elements := strings.Split(rest, "$")
	slices.Sort(elements)
	return []byte(head + strings.Join(elements, "$"))
}
