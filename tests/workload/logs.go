package workload

import (
	"bytes"
	"fmt"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/tests/model"
)

// JudgeLogs looks for the history in the logs of all shards, once the nodes are down: one list for each shard, of those of all
// its replicas. The logs have to agree, and what they apply has to be the history. Logs that do not go back to the beginning
// any more lead on from a snapshot; where none fits they only have to agree, and the verdict counts that.
func (s *Session) JudgeLogs(v *Verdict, logs [][]model.Log) {
	committed := make([][]model.Entry, len(logs))
	for i := range logs {
		var err error
		committed[i], err = model.CheckLogs(logs[i])
		if err != nil {
			v.add(model.Violations(fmt.Errorf("shard at place %d: %w", i, err))...)
			continue
		}
		v.LogEntries += len(committed[i])
	}
	var effects []entry.Effect
	for i, entries := range committed {
		if len(entries) == 0 {
			return // there is a violation already
		}
		base, ok := model.BaseOf(logs[i], entries)
		if !ok {
			v.LogsCut++
			continue
		}
		applied, err := base.Applied(entries)
		if err != nil {
			v.add(model.Violations(fmt.Errorf("shard at place %d: %w", i, err))...)
			return
		}
		effects = append(effects, applied...)
	}
	if v.LogsCut > 0 {
		return
	}
	if s.wrap != nil {
		for i := range effects {
			effects[i].Value = bytes.TrimSuffix(effects[i].Value, []byte(padding))
		}
	}
	v.add(model.Violations(model.CheckLogged(s.History.Ops(), effects))...)
}
