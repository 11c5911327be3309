package workload

import (
	"bytes"
	"fmt"

	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/tests/model"
)

// JudgeLogs looks for the history in the logs of all shards, once the nodes are down: one list for each shard, of those of all
// its replicas. The logs have to agree, slots have to have moved between shards as a whole, and what the logs apply has to
// be the history. Logs that do not go back to the beginning any more lead on from a snapshot; where none fits they only have to
// agree, and the verdict counts that.
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
	shards := make([][]entry.Effect, len(committed))
	before := model.NothingBefore
	for i, entries := range committed {
		if len(entries) == 0 {
			return // there is a violation already
		}
		base, ok := model.BaseOf(logs[i], entries)
		if !ok {
			v.LogsCut++
			continue
		}
		if base.Index > 0 && s.workload.evicts {
			before = model.MayHaveGone
		}
		applied, err := base.Applied(entries)
		if err != nil {
			v.add(model.Violations(fmt.Errorf("shard at place %d: %w", i, err))...)
			return
		}
		shards[i] = applied
	}
	if v.LogsCut > 0 {
		return
	}
	v.add(model.Violations(model.CheckHandovers(committed))...)
	effects, err := model.Merged(shards)
	if err != nil {
		v.add(model.Violations(err)...)
		return
	}
	if s.wrap != nil {
		for i := range effects {
			effects[i].Value = bytes.TrimSuffix(effects[i].Value, []byte(padding))
		}
	}
	v.add(model.Violations(model.CheckLogged(s.History.Ops(), effects, before))...)
}
