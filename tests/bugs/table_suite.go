package main

import "slices"

// suiteBugs are to be found by the robustness suite, which knows nothing of where they are: whole clusters under faults and
// work. Most are defects that a directed test finds, too, and are planted the same way.
var suiteBugs = []bug{
	inSuite("stateLeaderRead", "-fault isolate-leader,pause-leader -workload register,append -nodes 3 -client resp"),
	inSuite("showPending", "-fault isolate-leader,kill-leader,mute-leader -workload register,append -nodes 3 -client resp"),
	inSuite("lostMeansNot", "-fault isolate-leader,refuse-leader,kill-leader -workload set,append -nodes 3"),
	inSuite("noFence", "-fault isolate-leader,kill-leader,flapping -workload append,set,counter -nodes 3"),
	inSuite("releaseAny", "-fault isolate-leader,refuse-leader,flapping -workload register,append -nodes 3 -client resp"),
	inSuite("retryUnknownRESP", "-fault isolate-leader,kill-leader,refuse-leader -workload append,counter -nodes 3 -client resp"),
	inSuite("noClamp", "-fault isolate-leader,refuse-leader -workload append,register -nodes 3"),
	inSuite("alwaysWithoutSync", "-fault power-all,power-all-torn -appendfsync always -workload set,append -nodes 3"),
	inSuite("failedSyncTriedAgain", "-fault failing-sync -appendfsync always -workload set,append -nodes 3"),
	inSuite("expiryNotReplicated", "-fault transfer,kill-leader -workload ttl,register -nodes 3"),
	inSuite("mgetTear", "-fault transfer,kill-leader -workload transaction -nodes 3"),
	inSuite("evictWithoutTheLog", "-fault transfer,kill-leader -workload eviction -nodes 3"),
	inSuite("nxNow", "-fault isolate-leader,mute-leader -workload register -nodes 3 -client resp"),
	inSuite("forgetSeqOnRestore", "-fault kill-all,kill-majority -workload append,counter -nodes 3"),
}

// inSuite is the defect of a name, to be found by the suite with these arguments.
func inSuite(name, args string) bug {
	for _, b := range slices.Concat(coreBugs, raftBugs, snapshotBugs, gatewayBugs, evictBugs, settingBugs, diskBugs) {
		if b.name == name {
			return bug{name: name + "/suite", rule: b.rule, edits: b.edits, pkg: suitePkg, test: args}
		}
	}
	panic("no defect is called " + name)
}
