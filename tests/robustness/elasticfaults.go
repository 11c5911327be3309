package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"
)

// elasticFaults are slots and nodes that move, and what goes wrong meanwhile.
var elasticFaults = []fault{
	{name: "move-slots", about: "slots move to another shard and back", shards: true, unseen: true, make: whileMoving(nothing)},
	{name: "move-kill", about: "kill -9 of who leads the source, the target or the meta group while slots move", shards: true, unseen: true, make: whileMoving(kill(mover))},
	{name: "move-isolate", about: "the same, cut off from all other nodes", shards: true, network: true, unseen: true, make: whileMoving(cut(mover, (*nemesis.Network).Isolate))},
	{name: "replace-node", about: "a node is replaced by one that joins, and that by the first again; kill -9 of a leader meanwhile", joins: true, unseen: true, make: replaceNode},
}

func nothing(*rig, *rand.Rand) nemesis.Fault {
	return &happening{name: "nothing else", begin: func() error { return nil }, end: func() error { return nil }}
}

// mover leads one of the groups that take part in a migration.
func mover(r *rig, random *rand.Rand) []*cluster.Node {
	switch random.IntN(3) {
	case 0:
		return []*cluster.Node{r.c.Leader(r.from).Node}
	case 1:
		return []*cluster.Node{r.c.Leader(r.to).Node}
	}
	return []*cluster.Node{r.c.MetaLeader()}
}

const (
	// ballastKeys of ballastBytes at moveRate make a migration take a second or more, in which something else can happen.
	ballastKeys, ballastBytes = 48, 16 << 10
	moveRate                  = "512kb"
	// intoMoveMax is how far into a migration something else begins at most.
	intoMoveMax = time.Second
)

// move is another fault that happens while slots move to another shard; afterwards they move back.
type move struct {
	nemesis.Fault
	r      *rig
	into   time.Duration // since the migration began
	ranges []slot.Range
	id     uint64 // of the migration
	wrong  error  // why it showed nothing
}

func whileMoving(makes func(*rig, *rand.Rand) nemesis.Fault) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault {
		order := random.Perm(len(r.shards))
		r.from, r.to = r.shards[order[0]], r.shards[order[1]]
		return &move{Fault: makes(r, random), r: r, into: time.Duration(random.Int64N(int64(intoMoveMax)))}
	}
}

func (m *move) Name() string {
	return fmt.Sprintf("slots move from shard %d to %d and back; %s", m.r.from, m.r.to, m.Fault.Name())
}

func (m *move) Begin() error {
	c := m.r.c
	m.ranges = half(c.Slots(m.r.from))
	c.Set("migration-rate", moveRate)
	if err := m.ballast(); err != nil {
		return err
	}
	m.id = c.StartMigration(m.r.from, m.r.to, m.ranges)
	for began := time.Now(); time.Since(began) < m.into; time.Sleep(readyEvery) { // a moment of it, which is drawn
		if over, err := c.MigrationOver(m.id); err == nil && over {
			m.wrong = errors.New("the migration was over before anything else happened")
			break
		}
	}
	return m.Fault.Begin()
}

// ballast are large values in slots that move.
func (m *move) ballast() error {
	client, value, run := workload.Follower(m.r.c.RESP()), strings.Repeat("b", ballastBytes), workload.NewRun(0)
	defer client.Close()
	for i, written := 0, 0; written < ballastKeys; i++ {
		key := fmt.Sprint("ballast:", i)
		if !contains(m.ranges, slot.Of([]byte(key))) {
			continue
		}
		written++
		cluster.Eventually(m.r.t, "a large value is written", func() error {
			if o := run.Attempt(client, model.Op{Kind: model.Set, Key: key, Arg: value}); o.Outcome != model.OK {
				return errors.New(o.Err)
			}
			return nil
		})
	}
	return run.Stop()
}

func contains(ranges []slot.Range, s slot.ID) bool {
	return slices.ContainsFunc(ranges, func(r slot.Range) bool { return r.Contains(s) })
}

// half of each of some ranges, so that a shard keeps slots.
func half(ranges []slot.Range) []slot.Range {
	var halves []slot.Range
	for _, r := range ranges {
		if r.First < r.Last {
			halves = append(halves, slot.Range{First: r.First, Last: r.First + (r.Last-r.First)/2})
		}
	}
	return halves
}

func (m *move) End() error {
	if err := m.Fault.End(); err != nil {
		return err
	}
	c := m.r.c
	if there := c.MigrationEnded(m.id); there.Phase != meta.MigrationCommitted {
		return nil // the slots are where they were
	}
	c.MigrationEnded(c.StartMigration(m.r.to, m.r.from, m.ranges))
	return nil
}

// TookEffect wants the migration to have been under way. Whether it was committed or aborted is up to what else went wrong.
func (m *move) TookEffect() error { return errors.Join(m.wrong, m.Fault.TookEffect()) }
