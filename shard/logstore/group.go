package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// The keys of raft, raft.go. It uses no other.
const (
	keyCurrentTerm    = "CurrentTerm"
	keyLastVoteTerm   = "LastVoteTerm"
	keyLastVoteCand   = "LastVoteCand"
	candidateBytesMax = 1024 // an address; longer can only be a mistake
)

// errNotStored is the answer that raft expects for a key that was never written: it compares the text.
var errNotStored = raftboltdb.ErrKeyNotFound

// errForgotten is the error of a handle from before Forget.
var errForgotten = errors.New("the group was forgotten on this node; shut its replica down")

// groupStable is the part of Stable that one group sees.
type groupStable struct {
	stable *Stable
	id     uint64
	life   uint64 // of the group when this handle was made

	mu     sync.Mutex // protects the field below
	staged uint64     // term of a vote whose candidate has not come yet; 0 if there is none
}

var _ raft.StableStore = (*groupStable)(nil)

// Group returns the stable store of one group.
//
// SetUint64(LastVoteTerm) only stages the term. Set(LastVoteCand) writes term and candidate together, so a crash
// leaves the old vote or the new one, never the new term with the old candidate (hashicorp/raft#661).
func (s *Stable) Group(id uint64) raft.StableStore {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &groupStable{stable: s, id: id, life: s.lives[id]}
}

// GetUint64 returns what is durable; a staged term is not.
func (g *groupStable) GetUint64(key []byte) (uint64, error) {
	b, err := g.ballot()
	if err != nil {
		return 0, err
	}
	var value uint64
	switch string(key) {
	case keyCurrentTerm:
		value = b.term
	case keyLastVoteTerm:
		value = b.voteTerm
	}
	if value == 0 {
		return 0, errNotStored
	}
	return value, nil
}

// Get returns the candidate of the last durable vote.
func (g *groupStable) Get(key []byte) ([]byte, error) {
	b, err := g.ballot()
	if err != nil {
		return nil, err
	}
	if string(key) != keyLastVoteCand || len(b.candidate) == 0 {
		return nil, errNotStored
	}
	return bytes.Clone(b.candidate), nil
}

func (g *groupStable) ballot() (ballot, error) {
	if g.forgotten() {
		return ballot{}, errForgotten
	}
	g.stable.mu.Lock()
	defer g.stable.mu.Unlock()
	return g.stable.table[g.id], nil
}

// SetUint64 writes CurrentTerm before it returns and stages LastVoteTerm.
func (g *groupStable) SetUint64(key []byte, value uint64) error {
	switch string(key) {
	case keyCurrentTerm:
		return g.setTerm(value)
	case keyLastVoteTerm:
		g.mu.Lock()
		defer g.mu.Unlock()
		g.staged = value
		return nil
	default:
		return fmt.Errorf("stable store of group %d has no key %q", g.id, key)
	}
}

// setTerm writes nothing if the term is durable already: raft sets it again at every start.
func (g *groupStable) setTerm(term uint64) error {
	b, err := g.ballot()
	if err != nil {
		return err
	}
	if b.term == term {
		return nil
	}
	return g.change("term", func(b *ballot) error {
		if term < b.term {
			return fmt.Errorf("term %d is lower than the stored term %d", term, b.term)
		}
		b.term = term
		return nil
	})
}

// Set writes the vote: the staged term with this candidate.
func (g *groupStable) Set(key, value []byte) error {
	switch {
	case string(key) != keyLastVoteCand:
		return fmt.Errorf("stable store of group %d has no key %q", g.id, key)
	case len(value) > candidateBytesMax:
		return fmt.Errorf("vote of group %d: candidate has %d bytes, more than candidateBytesMax (%d)", g.id, len(value), candidateBytesMax)
	}
	g.mu.Lock()
	term := g.staged
	g.staged = 0
	g.mu.Unlock()
	if term == 0 {
		return fmt.Errorf("vote of group %d: a candidate without a term", g.id)
	}
	candidate := bytes.Clone(value)
	return g.change("vote", func(b *ballot) error {
		if term < b.voteTerm || term == b.voteTerm && !bytes.Equal(b.candidate, candidate) {
			return fmt.Errorf("vote for %q in term %d, but the vote of term %d went to %q", candidate, term, b.voteTerm, b.candidate)
		}
		b.voteTerm, b.candidate = term, candidate
		return nil
	})
}

func (g *groupStable) change(what string, apply func(*ballot) error) error {
	err := g.stable.commit(&change{apply: func(t table) error {
		if g.forgotten() { // may have become so since the call began
			return errForgotten
		}
		b := t[g.id]
		if err := apply(&b); err != nil {
			return err
		}
		t[g.id] = b
		return nil
	}})
	if err != nil {
		return fmt.Errorf("write %s of group %d in %s: %w", what, g.id, g.stable.name, err)
	}
	return nil
}

// forgotten reports whether this handle is from before a Forget.
func (g *groupStable) forgotten() bool {
	g.stable.mu.Lock()
	defer g.stable.mu.Unlock()
	return g.stable.lives[g.id] != g.life
}
