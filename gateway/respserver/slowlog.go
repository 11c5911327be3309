package respserver

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

const (
	// slowerThanDefault is from where on a command is slow, and slowLogEntriesDefault how many are kept, as in Redis.
	slowerThanDefault     = 10 * time.Millisecond
	slowLogEntriesDefault = 128
	// slowLogEntriesMax bounds slowlog-max-len: 100,000 entries of 4 KiB at most.
	slowLogEntriesMax = 100_000
	// slowArgsMax and slowArgBytesMax bound what is kept of a command (Redis, slowlog.h).
	slowArgsMax     = 32
	slowArgBytesMax = 128
	// slowPerRoundMax bounds how many commands of one round are kept: those of a pipeline that waited for the same commit are
	// slow together, and would leave nothing of all others.
	slowPerRoundMax = 8
)

// SlowCommand is an entry of the slow log.
type SlowCommand struct {
	ID   int64
	Time time.Time
	Took time.Duration
	// Args is the command, bounded and without secrets.
	Args         []string
	Client, Name string
}

// slowLog keeps the last commands that took long.
type slowLog struct {
	mu sync.Mutex // protects the fields below
	// slowerThan is from where on commands are kept; negative: none are.
	slowerThan time.Duration
	entriesMax int
	// ring holds the entries; the oldest is at first once it is full.
	ring  []SlowCommand
	first int
	last  int64 // the ID of the next entry
}

func (l *slowLog) threshold() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowerThan
}

func (l *slowLog) setThreshold(slowerThan time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowerThan = slowerThan
}

func (l *slowLog) capacity() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entriesMax
}

func (l *slowLog) wants(took time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.slowerThan >= 0 && took >= l.slowerThan && l.entriesMax > 0
}

func (l *slowLog) add(took time.Duration, command string, args [][]byte, client, name string) {
	entry := SlowCommand{Time: time.Now(), Took: took, Args: shownArgs(command, args), Client: client, Name: name}
	l.mu.Lock()
	defer l.mu.Unlock()
	entry.ID = l.last
	l.last++
	if len(l.ring) < l.entriesMax {
		l.ring = append(l.ring, entry)
		return
	}
	l.ring[l.first] = entry
	l.first = (l.first + 1) % len(l.ring)
}

// newest returns up to count entries, the last one first.
func (l *slowLog) newest(count int) []SlowCommand {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newestLocked(count)
}

func (l *slowLog) newestLocked(count int) []SlowCommand {
	count = min(count, len(l.ring))
	entries := make([]SlowCommand, count)
	for i := range entries {
		entries[i] = l.ring[(l.first+len(l.ring)-1-i)%len(l.ring)]
	}
	return entries
}

func (l *slowLog) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.ring)
}

func (l *slowLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.first = nil, 0
}

// resize keeps the newest entries.
func (l *slowLog) resize(entriesMax int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := l.newestLocked(entriesMax)
	l.ring, l.first, l.entriesMax = nil, 0, entriesMax
	for i := len(kept) - 1; i >= 0; i-- {
		l.ring = append(l.ring, kept[i])
	}
}

// shownArgs is what is kept of a command: 32 arguments of 128 bytes, as in Redis, and no secret.
func shownArgs(command string, args [][]byte) []string {
	count := min(len(args), slowArgsMax)
	shown := make([]string, count)
	for i := range shown {
		switch {
		case count < len(args) && i == count-1:
			shown[i] = fmt.Sprintf("... (%d more arguments)", len(args)-count+1)
		case isSecretArg(command, args, i):
			shown[i] = "(redacted)"
		case len(args[i]) > slowArgBytesMax:
			shown[i] = fmt.Sprintf("%s... (%d more bytes)", args[i][:slowArgBytesMax], len(args[i])-slowArgBytesMax)
		default:
			shown[i] = string(args[i])
		}
	}
	return shown
}

// secretWords are what is in the names of settings whose values nobody may see.
var secretWords = []string{"pass", "auth", "secret", "token", "key"}

// isSecretArg tells whether an argument may hold a password, or what leads to one.
func isSecretArg(command string, args [][]byte, at int) bool {
	switch command {
	case "auth":
		return at >= 1
	case "acl|setuser":
		return at >= 2
	case "hello":
		for i := 2; i < at; i++ {
			if word(args[i], "AUTH") && at <= i+2 {
				return true
			}
		}
	case "migrate":
		for i := 6; i < at; i++ {
			if word(args[i], "AUTH") && at == i+1 || word(args[i], "AUTH2") && at <= i+2 {
				return true
			}
		}
	case "config|set":
		if at < 3 || at%2 == 0 {
			return false
		}
		setting := strings.ToLower(string(args[at-1]))
		for _, secret := range secretWords {
			if strings.Contains(setting, secret) {
				return true
			}
		}
	}
	return false
}

// SlowLog returns up to count entries of the slow log, the last one first.
func (s *Server) SlowLog(count int) []SlowCommand { return s.observer.slow.newest(count) }

// slowLogCount is how many entries SLOWLOG GET shows unless it is told.
const slowLogCount = 10

var errSlowLogCount = apierr.New(apierr.KindInvalid, "count should be greater than or equal to -1")

// slowLogGet is SLOWLOG GET [count]; -1 asks for all.
func (c *conn) slowLogGet(args [][]byte) resp.Value {
	count := int64(slowLogCount)
	switch len(args) {
	case 2:
	case 3:
		n, err := ops.ParseInt(args[2])
		if err != nil || n < -1 {
			return errorReply(errSlowLogCount)
		}
		if count = n; n < 0 || n > slowLogEntriesMax {
			count = slowLogEntriesMax
		}
	default:
		return subcommandSyntax(args)
	}
	entries := c.server.SlowLog(int(count))
	reply := make([]resp.Value, len(entries))
	for i, e := range entries {
		shown := make([]resp.Value, len(e.Args))
		for j, arg := range e.Args {
			shown[j] = resp.BulkString(arg)
		}
		reply[i] = resp.Array(resp.Int(e.ID), resp.Int(e.Time.Unix()), resp.Int(e.Took.Microseconds()),
			resp.Array(shown...), resp.BulkString(e.Client), resp.BulkString(e.Name))
	}
	return resp.Array(reply...)
}

func (c *conn) slowLogLen([][]byte) resp.Value { return resp.Int(int64(c.server.observer.slow.len())) }

func (c *conn) slowLogReset([][]byte) resp.Value {
	c.server.observer.slow.reset()
	return resp.OK()
}
