package model

import (
	"bytes"
	"fmt"

	"github.com/holtcache/holt/raftfsm/entry"
)

// Base is what a snapshot says that a shard's log up to an index has left. The zero value is the shard's beginning.
type Base struct {
	Index uint64
	// Incarnation and Sequence are those of the last record that took effect.
	Incarnation, Sequence uint64
	// Effects set every key that was there.
	Effects []entry.Effect
}

// BaseOf is the earliest state of a shard that the committed entries lead on from; false where entries between are missing.
func BaseOf(logs []Log, committed []Entry) (Base, bool) {
	first, last := committed[0].Index, committed[len(committed)-1].Index
	if first == 1 {
		return Base{}, true
	}
	var earliest Base
	found := false
	for _, l := range logs {
		for _, b := range l.Bases {
			if b.Index+1 >= first && b.Index <= last && (!found || b.Index < earliest.Index) {
				earliest, found = b, true
			}
		}
	}
	return earliest, found
}

// Applied are the effects of the state and of the committed entries behind it, in order. An entry takes effect if and only if
// it directly follows the one that it was evaluated on: the same incarnation, and the next sequence. What a hand-over brings is
// no effect of a request: its effects are in the log of the shard that it comes from.
func (b Base) Applied(committed []Entry) ([]entry.Effect, error) {
	effects := b.Effects[:len(b.Effects):len(b.Effects)]
	incarnation, sequence := b.Incarnation, b.Sequence
	for _, e := range committed {
		if !e.Command || e.Index <= b.Index {
			continue
		}
		h, body, err := entry.DecodeHeader(bytes.Clone(e.Data)) // effects are parts of it
		if err != nil {
			return nil, fmt.Errorf("index %d: %w", e.Index, err)
		}
		if h.Kind == entry.KindExecutorStart {
			incarnation, sequence = e.Index, 0
			continue
		}
		if h.Incarnation != incarnation || h.Sequence != sequence+1 {
			continue
		}
		sequence++
		if h.Kind != entry.KindBatch {
			continue
		}
		var batch entry.Batch
		if err := entry.DecodeBatch(body, &batch); err != nil {
			return nil, fmt.Errorf("index %d: %w", e.Index, err)
		}
		for _, section := range batch.Sections {
			effects = append(effects, section.Effects...)
		}
	}
	return effects, nil
}
