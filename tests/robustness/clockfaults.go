package main

import (
	"math/rand/v2"
	"time"

	"github.com/holtcache/holt/tests/nemesis"
)

var clockFaults = []fault{
	{name: "clock-forward", about: "a leader's wall clock jumps an hour ahead, and back", clocks: true, longOnly: true, unseen: true, make: clockStep(leaderOf, time.Hour)},
	{name: "clock-back", about: "a leader's wall clock jumps a day back, and ahead again", clocks: true, longOnly: true, unseen: true, make: clockStep(leaderOf, -24*time.Hour)},
	{name: "clock-all", about: "all wall clocks jump a month ahead, and back", clocks: true, longOnly: true, unseen: true, make: clockStep(everyNode, 30*24*time.Hour)},
	{name: "clock-strobe", about: "a leader's wall clock jumps ten seconds to and fro", clocks: true, longOnly: true, unseen: true, make: func(r *rig, random *rand.Rand) nemesis.Fault {
		step := clockStep(leaderOf, 10*time.Second)(r, random)
		return &nemesis.Flapping{Fault: step, Random: random, On: strobeMax, Off: strobeMax}
	}},
}

// strobeMax is how long a clock is right, and wrong.
const strobeMax = 400 * time.Millisecond

func clockStep(pick picking, by time.Duration) func(*rig, *rand.Rand) nemesis.Fault {
	return func(r *rig, random *rand.Rand) nemesis.Fault {
		step := &nemesis.ClockStep{By: by}
		nodes := pick(r, random)
		for _, n := range nodes {
			step.Clocks = append(step.Clocks, r.clocks[n])
		}
		return &happening{name: "clock wrong by " + by.String() + ": " + numbers(nodes), begin: step.Begin, end: step.End, effect: step.TookEffect}
	}
}

// timeless tells whether a workload can be judged while clocks are wrong: keys with a TTL end a little too early or late.
func timeless(workload string) bool { return workload != "ttl" && workload != "register" }
