package main

import "slices"

// suiteBugs are to be found by the robustness suite, which knows nothing of where they are: whole clusters under faults and
// work. A directed test finds each of them, too, and is named in another table. Defects that show in one schedule out of many
// thousands are left to the simulation.
var suiteBugs = []bug{
	inSuite("stateLeaderRead", "-fault isolate-leader,pause-leader -workload register,append -nodes 3 -client resp"),
	inSuite("showPending", "-fault isolate-leader,kill-leader,mute-leader -workload register,append -nodes 3 -client resp"),
	inSuite("lostMeansNot", "-fault isolate-leader,refuse-leader,kill-leader -workload set,append -nodes 3"),
	inSuite("releaseAny", "-fault isolate-leader,refuse-leader,flapping -workload register,append -nodes 3 -client resp"),
	inSuite("alwaysWithoutSync", "-fault power-all,power-all-torn -appendfsync always -workload set,append -nodes 3"),
	inSuite("evictWithoutTheLog", "-fault transfer,kill-leader -workload eviction -nodes 3"),
}

// inSuite is the defect of a name, to be found by the suite with these arguments.
func inSuite(name, args string) bug {
	for _, b := range slices.Concat(coreBugs, raftBugs, snapshotBugs, gatewayBugs, evictBugs, settingBugs, diskBugs, networkBugs) {
		if b.name == name {
			return bug{name: name + "/suite", rule: b.rule, edits: b.edits, pkg: suitePkg, test: args}
		}
	}
	panic("no defect is called " + name)
}
