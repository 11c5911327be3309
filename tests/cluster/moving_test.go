package cluster_test

import (
	"fmt"
	"testing"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
	"github.com/holtcache/holt/shard/migration"
	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/model"
	"github.com/holtcache/holt/tests/workload"
)

// moving is a cluster whose slots move between two shards, and back, while clients work on them.
type moving struct {
	c        *cluster.Cluster
	steps    *cluster.Steps
	run      *workload.Run
	from, to uint64
	ranges   []slot.Range
	ends     map[meta.MigrationPhase]int
}

// blow is what goes wrong while a migration is at a step. Before goOn whoever takes the step stays there.
type blow struct {
	i, j     int // the numbers of step and victim
	id       uint64
	node     *cluster.Node // the victim
	from, to uint64
	goOn     func()
}

// coldKeys are written once, or written and deleted, and left alone: copies alone carry them.
const coldKeys = 60

func startMoving(t *testing.T, homes []cluster.Home) *moving {
	t.Helper()
	steps := cluster.NewSteps(t)
	c := cluster.Start(t, cluster.Options{Steps: steps, Homes: homes})
	shards := c.ShardIDs()
	m := &moving{c: c, steps: steps, from: shards[0], to: shards[1], ranges: c.Slots(shards[0]), ends: map[meta.MigrationPhase]int{}}
	m.run = work(t, c, shards[:2])
	client, keys := workload.Follower(c.RESP()), c.Keys(m.from)
	defer client.Close()
	for i := range coldKeys {
		set(t, m.run, workload.Follower(c.RESP()), keys("cold", i), "kept")
		if i%3 == 0 {
			m.run.Attempt(client, model.Op{Client: 900, Kind: model.Del, Key: keys("cold", i)})
		}
	}
	progress(t, m.run, "before the migrations", 100)
	return m
}

func everyVictim(int, int) bool { return true }

// eachStep moves the slots forth and back, and strikes victims while a migration is at each of its steps. strike lets the
// migration go on; what it returns comes when that has ended.
func (m *moving) eachStep(t *testing.T, chosen func(step, victim int) bool, strike func(b blow) (heal func())) {
	t.Helper()
	for i, step := range migration.Steps {
		for j, v := range victims {
			if !chosen(i, j) {
				continue
			}
			what := fmt.Sprintf("%s, %s", step, v.name)
			if err := m.steps.Stop(step); err != nil {
				t.Fatal(err)
			}
			id, at := m.startTo(t, step)
			heal := strike(blow{i, j, id, v.node(m.c, at, m.from, m.to), m.from, m.to, func() {
				if err := m.steps.GoOn(step); err != nil {
					t.Fatal(err)
				}
			}})
			t.Logf("%s: migration %d is %v", what, id, m.ended(id))
			heal()
			m.c.WaitReady()
			progress(t, m.run, what, 50)
		}
	}
}

// startTo begins a migration and returns it with the node that it stops at.
func (m *moving) startTo(t *testing.T, step migration.Step) (id uint64, at *cluster.Node) {
	t.Helper()
	for range 5 {
		id = m.c.StartMigration(m.from, m.to, m.ranges)
		if at = m.steps.AtUnlessEnded(m.c, step, id); at != nil {
			return id, at
		}
		t.Logf("migration %d is %v, and did not come to %s", id, m.ended(id), step)
	}
	t.Fatalf("no migration comes to %s", step)
	return 0, nil
}

// ended waits for the end of a migration, and notes where the slots are.
func (m *moving) ended(id uint64) meta.MigrationPhase {
	ended := m.c.MigrationEnded(id)
	if m.ends[ended.Phase]++; ended.Phase == meta.MigrationCommitted {
		m.from, m.to = m.to, m.from
	}
	return ended.Phase
}

// accept checks that nothing was lost, and that nothing is there twice or came back: each key that somebody ever wrote is read
// once more, the nodes together count as many as there are, and by the logs slots moved whole and have one owner.
func (m *moving) accept(t *testing.T) {
	t.Helper()
	if m.ends[meta.MigrationCommitted] == 0 {
		t.Errorf("no migration was committed: %v", m.ends)
	}
	if err := m.run.Stop(); err != nil {
		t.Error(err)
	}
	m.counts(t)
	judge(t, m.run)
	cluster.Eventually(t, "all replicas hold the same", m.c.SameEverywhere)
	m.c.StopAll()
	shards := []uint64{m.from, m.to}
	committed := make([][]model.Entry, len(shards))
	for i, logs := range m.c.Logs(shards) {
		var err error
		if committed[i], err = model.CheckLogs(logs); err != nil {
			t.Errorf("shard %d: %v", shards[i], err)
		}
	}
	if err := model.CheckHandovers(committed); err != nil {
		t.Error(err)
	}
}

func (m *moving) counts(t *testing.T) {
	t.Helper()
	reader := workload.Follower(m.c.RESP())
	defer reader.Close()
	known := map[string]bool{}
	for _, o := range m.run.History.Ops() {
		known[o.Key] = true
	}
	for key := range known {
		finalRead(t, m.run, reader, key)
	}
	looking := workload.NewRun(*seed) // not part of the history: some keys expire meanwhile
	cluster.Eventually(t, "the nodes count the keys that there are", func() error {
		var there, counted int64
		for key := range known {
			o := looking.Attempt(reader, model.Op{Kind: model.Get, Key: key})
			if o.Outcome != model.OK {
				return workload.ServerError(o.String())
			}
			if o.Found {
				there++
			}
		}
		for _, n := range m.c.Nodes {
			counted += asked(t, n, "DBSIZE").(int64)
		}
		if counted != there || there == 0 {
			return fmt.Errorf("they count %d keys, and there are %d", counted, there)
		}
		return nil
	})
	if err := looking.Stop(); err != nil {
		t.Error(err)
	}
}
