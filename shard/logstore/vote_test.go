package logstore

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// crashingMarks loses every write after the first few: the process goes on for a while, the disk does not.
type crashingMarks struct {
	Marks
	left int
}

func (m *crashingMarks) SetMark(name string, value []byte) error {
	if m.left == 0 {
		return nil
	}
	m.left--
	return m.Marks.SetMark(name, value)
}

// twoSteps is raft-boltdb's way: every key is written by itself. It stands for a Stable without staging.
type twoSteps struct{ marks Marks }

func (s twoSteps) Set(key, value []byte) error { return s.marks.SetMark(string(key), value) }
func (s twoSteps) Get(key []byte) ([]byte, error) {
	value, found, err := s.marks.Mark(string(key))
	if err == nil && !found {
		err = errNotStored
	}
	return value, err
}
func (s twoSteps) SetUint64(key []byte, value uint64) error {
	return s.Set(key, fmt.Appendf(nil, "%d", value))
}
func (s twoSteps) GetUint64(key []byte) (value uint64, err error) {
	text, err := s.Get(key)
	if err == nil {
		_, err = fmt.Sscan(string(text), &value)
	}
	return value, err
}

// voter is an unmodified raft with servers f, x and y that only answers votes. Its log ends with an entry of term 5.
type voter struct {
	t      *testing.T
	raft   *raft.Raft
	trans  *raft.InmemTransport
	caller *raft.InmemTransport
}

func startVoter(t *testing.T, stable raft.StableStore) *voter {
	t.Helper()
	logs := raft.NewInmemStore()
	must(t, logs.StoreLogs([]*raft.Log{
		{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{
			{ID: "f", Address: "f"}, {ID: "x", Address: "x"}, {ID: "y", Address: "y"}}})},
		{Index: 2, Term: 5, Type: raft.LogNoop},
	}))
	config := raft.DefaultConfig()
	config.LocalID = "f"
	config.HeartbeatTimeout, config.ElectionTimeout = time.Hour, time.Hour
	config.Logger = hclog.NewNullLogger()
	_, trans := raft.NewInmemTransport("f")
	_, caller := raft.NewInmemTransport("caller")
	caller.Connect("f", trans)
	r, err := raft.NewRaft(config, &raft.MockFSM{}, logs, stable, raft.NewInmemSnapshotStore(), trans)
	must(t, err)
	return &voter{t: t, raft: r, trans: trans, caller: caller}
}

// ask asks for the vote of f in the name of a candidate whose log ends in lastLogTerm.
func (v *voter) ask(candidate string, term, lastLogTerm uint64) bool {
	v.t.Helper()
	var resp raft.RequestVoteResponse
	must(v.t, v.caller.RequestVote("f", "f", &raft.RequestVoteRequest{
		RPCHeader:    raft.RPCHeader{ProtocolVersion: 3, ID: []byte(candidate), Addr: []byte(candidate)},
		Term:         term,
		LastLogIndex: 2,
		LastLogTerm:  lastLogTerm,
	}, &resp))
	return resp.Granted
}

func (v *voter) stop() {
	must(v.t, v.raft.Shutdown().Error())
	must(v.t, v.caller.Close())
	must(v.t, v.trans.Close())
}

// f votes for x in term 5, then for y in term 6, and loses its power after each number of writes. Back again, x asks for
// the vote of term 6 with a log that is too old: it must never get it (hashicorp/raft#661).
func TestCrashWhileVotingGivesNoVoteToTheOldCandidate(t *testing.T) {
	granted := func(t *testing.T, survive int, open func(t *testing.T, marks Marks) (raft.StableStore, func())) bool {
		path := filepath.Join(t.TempDir(), "stable")
		file, err := openBolt(path, "k", 0, nil)
		must(t, err)
		crashing := &crashingMarks{Marks: file, left: 1 << 30}
		stable, closeStable := open(t, crashing)
		v := startVoter(t, stable)
		if !v.ask("x", 5, 5) {
			t.Fatal("x did not get the vote of term 5")
		}
		crashing.left = survive
		if !v.ask("y", 6, 5) {
			t.Fatal("y did not get the vote of term 6")
		}
		v.stop()
		closeStable()

		file, err = openBolt(path, "k", 0, nil)
		must(t, err)
		stable, closeStable = open(t, file)
		defer closeStable()
		v = startVoter(t, stable)
		defer v.stop()
		return v.ask("x", 6, 4)
	}
	staged := func(t *testing.T, marks Marks) (raft.StableStore, func()) {
		s, err := NewStable("stable", marks, noFatal(t))
		must(t, err)
		return s.Group(7), func() { must(t, s.Close()) }
	}
	inTwoSteps := func(t *testing.T, marks Marks) (raft.StableStore, func()) {
		return twoSteps{marks}, func() { must(t, marks.Close()) }
	}
	for survive := range 4 {
		t.Run(fmt.Sprintf("%d writes survive", survive), func(t *testing.T) {
			if granted(t, survive, staged) {
				t.Error("the old candidate got a vote in the new term")
			}
		})
	}
	// The scenario bites: raft on a store without staging grants it after term and vote term, before the candidate.
	if !granted(t, 2, inTwoSteps) {
		t.Error("the scenario does not find the vote in two steps")
	}
}
