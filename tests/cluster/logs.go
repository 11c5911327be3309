package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/holtcache/holt/shard/logstore"
	"github.com/holtcache/holt/tests/model"
)

// Logs reads the logs of shards at all nodes, which have to be down. It works on copies: to open a log mends it.
func (c *Cluster) Logs(shards []uint64) [][]model.Log {
	c.t.Helper()
	list := make([][]model.Log, len(shards))
	for _, n := range c.Nodes {
		logs, err := logsIn(n.Dir, shards)
		n.must(err)
		for i, l := range logs {
			if len(l.Entries) > 0 {
				list[i] = append(list[i], l)
			}
		}
	}
	return list
}

func logsIn(dir string, shards []uint64) (logs []model.Log, err error) {
	scratch, err := os.MkdirTemp("", "holt-logs-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	folder := filepath.Join(scratch, "wal")
	if err := os.CopyFS(folder, os.DirFS(filepath.Join(dir, "wal"))); err != nil {
		return nil, err
	}
	fatal := make(chan error, 1)
	wal, err := logstore.OpenWAL(logstore.WALConfig{Dir: folder, Sync: logstore.SyncAlways, Fatal: func(err error) { fatal <- err }})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, wal.Close()) }()
	for _, id := range shards {
		l := model.Log{Node: filepath.Base(dir)}
		if l.Entries, err = entriesOf(wal, id); err != nil {
			return nil, err
		}
		if len(l.Entries) > 0 && l.Entries[0].Index > 1 {
			l.Bases = basesIn(filepath.Join(dir, "shards", fmt.Sprint(id)), id)
		}
		logs = append(logs, l)
	}
	return logs, nil
}

func entriesOf(wal *logstore.WAL, id uint64) (entries []model.Entry, err error) {
	if !wal.Has(id) {
		return nil, nil
	}
	group, err := wal.Group(id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, group.Close()) }()
	first, last, err := group.Bounds()
	if err != nil {
		return nil, err
	}
	for index := max(first, 1); index <= last; index++ {
		var l raft.Log
		if err := group.Read(index, &l); err != nil {
			return nil, err
		}
		entries = append(entries, model.Entry{Index: l.Index, Term: l.Term, Command: l.Type == raft.LogCommand, Data: bytes.Clone(l.Data)})
	}
	return entries, nil
}
