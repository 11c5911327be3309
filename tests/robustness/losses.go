package main

import (
	"github.com/holtcache/holt/tests/cluster"
)

// loss is a way in which a leader goes.
type loss struct {
	about string
	// planned: nobody's request may fail, and what counts is the longest pause.
	planned bool
	// begin makes the leader go; end, where there is one, brings the node back.
	begin, end func(m *measuring, old cluster.Leadership)
}

var losses = map[string]loss{
	"partition": {"the leader is cut off from all other nodes, and clients reach it", false,
		func(m *measuring, old cluster.Leadership) {
			m.cut = m.network.Isolate(old.Node.Number)
			m.must(m.cut.Begin())
		},
		func(m *measuring, _ cluster.Leadership) {
			m.must(m.cut.End())
			m.must(m.cut.TookEffect())
		}},
	"kill": {"kill -9 of the leader", false,
		func(_ *measuring, old cluster.Leadership) { old.Node.Kill() },
		func(_ *measuring, old cluster.Leadership) { old.Node.Start() }},
	"pause": {"SIGSTOP of the leader", false,
		func(_ *measuring, old cluster.Leadership) { old.Node.Pause() },
		func(_ *measuring, old cluster.Leadership) { old.Node.Resume() }},
	"transfer": {"cluster transfer to another replica", true,
		func(m *measuring, old cluster.Leadership) {
			if _, err := m.c.Transfer(old.Shard, nil); err != nil {
				m.t.Errorf("transfer of shard %d: %v", old.Shard, err)
			}
		}, nil},
	"term": {"SIGTERM of the leader", true,
		func(_ *measuring, old cluster.Leadership) { old.Node.Stop() },
		func(_ *measuring, old cluster.Leadership) { old.Node.Start() }},
}
