package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// contender is a system with the loads that it takes.
type contender struct {
	system system.System
	policy string
	loads  []contenderLoad
}

// contenderLoad is one line of the table for each op and pipeline.
type contenderLoad struct {
	name      string
	setup     [][]string
	ops       []load.Op
	pipelines []int
}

// contenders lists the systems in the order of their turns: those with the same policy are neighbours.
func (p *throughputPlan) contenders(ctx context.Context, b *bench) ([]contender, error) {
	var all []contender
	redis := ""
	if p.wanted("redis") {
		redis = b.redis()
	}
	ops := p.ops()
	for _, policy := range p.Policies {
		if p.wanted("holt") {
			name := "holt-" + policy
			s, err := b.holt(ctx, name, system.HoltConfig{Nodes: p.Nodes, Replicas: p.Replicas, Shards: p.Shards, Fsync: policy})
			if err != nil {
				return nil, err
			}
			read := []string{"CLIENT", "READMODE", p.ReadMode}
			c := contender{system: s, policy: policy}
			if slices.Contains(p.Acks, "majority") {
				c.loads = append(c.loads, contenderLoad{name, [][]string{{"CLIENT", "DURABILITY", "MAJORITY"}, read}, ops, p.Pipelines})
			}
			if slices.Contains(p.Acks, "async") && slices.Contains(ops, load.OpSet) {
				c.loads = append(c.loads, contenderLoad{name + "-async", [][]string{{"CLIENT", "DURABILITY", "ASYNC"}}, []load.Op{load.OpSet}, p.Pipelines})
			}
			all = append(all, c)
		}
		if redis != "" {
			name := "redis-" + policy
			all = append(all, contender{system.Redis(name, redis, policy, 2), policy, []contenderLoad{{name, nil, ops, p.Pipelines}}})
		}
		if policy == "always" && p.wanted("etcd") && p.Rate == 0 {
			programs, err := system.BuildEtcd(ctx, b.dir)
			if err != nil {
				return nil, fmt.Errorf("%w; leave etcd out with -only=holt,redis", err)
			}
			all = append(all, contender{system.Etcd(programs), policy, []contenderLoad{{"etcd", nil, ops, p.InFlight}}})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("-only=%s: there is nothing to measure", p.Only)
	}
	return all, nil
}

// measure puts every load on a system that has just started.
func (c *contender) measure(ctx context.Context, running *system.Running, s load.Spec) (found []measurement, err error) {
	if err := fill(ctx, running, s); err != nil {
		return nil, err
	}
	for _, l := range c.loads {
		for _, op := range l.ops {
			for _, pipeline := range l.pipelines {
				s.Op, s.Pipeline, s.Setup = op, pipeline, l.setup
				m, err := measure(ctx, running, s)
				if err != nil {
					return found, err
				}
				m.System = l.name
				found = append(found, m)
			}
		}
	}
	return found, nil
}

// fill writes every key.
func fill(ctx context.Context, running *system.Running, s load.Spec) error {
	ctx, cancel := context.WithTimeout(ctx, measureMax)
	defer cancel()
	return running.Fill(ctx, s)
}
