package shard

import (
	"context"
	"log/slog"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/holtcache/holt/proto/slot"
)

// raftLogger lets raft write into our log. An election or a node that is down is no fault of ours, so raft's warnings are
// our Info and its errors our warnings; what it repeats for as long as another node is away is our Debug.
func raftLogger(log *slog.Logger, group slot.ShardID) hclog.Logger {
	if group == MetaGroup {
		log = log.With("group", "meta")
	} else {
		log = log.With("shard", group)
	}
	return hclog.New(&hclog.LoggerOptions{Name: "raft", Level: hclog.Warn, DisableTime: true, Output: raftLines{log}})
}

type raftLines struct{ log *slog.Logger }

// awayLines begin the texts that raft repeats while it cannot reach a node.
var awayLines = []string{
	"failed to heartbeat to", "failed to appendEntries to", "failed to make requestVote RPC", "failed to make requestPreVote RPC",
	"failed to contact", "rejecting pre-vote request", "peer has newer term", "skipping application of old log",
}

// Write turns one line of raft's log into one record of ours.
func (w raftLines) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	level := slog.LevelInfo
	if strings.HasPrefix(text, "[ERROR]") {
		level = slog.LevelWarn
	}
	_, text, found := strings.Cut(text, "raft: ")
	if !found {
		text = strings.TrimSpace(string(line))
	}
	for _, away := range awayLines {
		if strings.HasPrefix(text, away) {
			level = slog.LevelDebug
		}
	}
	w.log.Log(context.Background(), level, "raft", "line", text)
	return len(line), nil
}
