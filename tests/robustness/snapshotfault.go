package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/holtcache/holt/tests/cluster"
	"github.com/holtcache/holt/tests/nemesis"
	"github.com/holtcache/holt/tests/workload"
)

// savedKills makes each node in turn start from snapshots that it has just written. Runs write too little for snapshots to
// come by themselves, and a node that finds its whole log again shows nothing of what snapshots forget.
func savedKills(r *rig, _ *rand.Rand) nemesis.Fault {
	return &happening{
		name: "snapshots, then kill -9, of each node in turn",
		begin: func() error {
			for _, n := range r.c.Nodes {
				if err := save(n); err != nil {
					return err
				}
				n.Kill()
				n.Start()
				r.c.WaitReady()
			}
			return nil
		},
		end: func() error { return nil },
	}
}

// save returns when a node has written snapshots of all it holds.
func save(n *cluster.Node) error {
	conn, err := workload.Dial(n.Addr.RESP, cluster.Deadline)
	if err != nil {
		return err
	}
	defer conn.Close()
	reply, err := conn.Do(cluster.Deadline, "SAVE")
	if err == nil && reply != "OK" {
		err = fmt.Errorf("the answer is %v", reply)
	}
	if err != nil {
		return fmt.Errorf("SAVE at node %d: %w", n.Number, err)
	}
	return nil
}
