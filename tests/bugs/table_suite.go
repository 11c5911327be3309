package main

// simulatedBugs are to be found by the random simulation of the core, which has drawn none of its schedules for them.
var simulatedBugs = []bug{
	inSimulation("noFence"), inSimulation("forgetSeqOnRestore"), inSimulation("esAnyNonce"), inSimulation("lostMeansNot"),
	inSimulation("noVerGap"), inSimulation("nxNow"), inSimulation("showPending"), inSimulation("releaseAny"),
	again("leaseNeverEnds", levelSimulation, simPkg, "^TestLeaderThatIsCutOffShowsNothingOld$"),
	again("dropBeforeTheCommitPoint", levelSimulation, simPkg, anyMove), again("effectsNotStreamed", levelSimulation, simPkg, anyMove),
	again("servedBeforeActivation", levelSimulation, simPkg, anyMove), again("doneNotCopied", levelSimulation, simPkg, anyMove),
}

// anyMove is the random simulation of migrations between groups of real raft.
const anyMove = "^TestSlotsMoveBetweenGroupsOfRealRaftUnderRandomFaults$"

func inSimulation(name string) bug { return again(name, levelSimulation, simPkg, anySeed) }

// clusterBugs are to be found with real processes by a test that brings their moment about.
var clusterBugs = []bug{
	again("alwaysWithoutSync", levelCluster, clusterPkg, "^TestPowerCutsUnderAlwaysLoseNoAcknowledgedWrite$"),
	again("noGuardAfterReboot", levelCluster, clusterPkg, "^TestPowerCutOfOneNodeUnderEverySecLosesNoAcknowledgedWrite$"),
	again("damageCutOff", levelCluster, clusterPkg, "^TestNodeWithAFlippedBitInItsLogRefusesToStart$"),
	again("noWatchdog", levelCluster, clusterPkg, "^TestNodeWithAHangingDiskHoldsNobodyUp$"),
	again("stateLeaderRead", levelCluster, clusterPkg, "^TestAPausedLeaderAnswersNothingStaleWhenItGoesOn$"),
	again("leaseNeverEnds", levelCluster, clusterPkg, "^TestAPausedLeaderAnswersNothingStaleWhenItGoesOn$"),
	again("failedSyncTriedAgain", levelCluster, clusterPkg, "^TestNodeNeverGoesOnAfterAFailedSyncOrWrite$"),
}

// suiteBugs are to be found by the robustness suite, which knows nothing of where they are: whole clusters under faults and
// work. A directed test finds each of them, too.
var suiteBugs = []bug{
	inSuite("showPending", "-fault isolate-leader,kill-leader,mute-leader -workload register,append -nodes 3 -client resp"),
	inSuite("lostMeansNot", "-fault isolate-leader,refuse-leader,kill-leader -workload set,append -nodes 3"),
	inSuite("releaseAny", "-fault isolate-leader,refuse-leader,flapping -workload register,append -nodes 3 -client resp"),
	inSuite("alwaysWithoutSync", "-fault power-all,power-all-torn -appendfsync always -workload set,append -nodes 3"),
	inSuite("forgetSeqOnRestore", "-fault kill-saved -workload set,append -nodes 3"),
	inSuite("nxNow", "-fault isolate-leader,refuse-leader,mute-leader -workload register,append -nodes 3 -client resp"),
	inSuite("evictWithoutTheLog", "-fault transfer,kill-leader -workload eviction -nodes 3"),
}

// unfound are defects that the suite has been let look for in vain: they show in one schedule out of very many, or in a moment
// of microseconds. That is what the other levels are for.
var unfound = []bug{
	inSuite("stateLeaderRead", "-fault pause-leader,slow-leader -workload append,register -nodes 3 -client resp"),
	inSuite("noFence", "-fault isolate-leader,refuse-leader,flapping,transfer -workload set,append -nodes 3"),
	inSuite("retryUnknownRESP", "-fault kill-leader,isolate-leader,refuse-leader -workload counter,append -nodes 3 -client resp"),
	inSuite("noClamp", "-fault isolate-leader,mute-leader,one-way,flapping -workload set,append -nodes 3"),
	inSuite("mgetTear", "-fault transfer -workload transaction -nodes 3 -client resp"),
	inSuite("expiryNotReplicated", "-fault transfer,kill-leader -workload ttl -nodes 3"),
	inSuite("failedSyncTriedAgain", "-fault failing-sync -workload set,append -nodes 3 -appendfsync always"),
}

func inSuite(name, args string) bug { return again(name, levelSuite, suitePkg, args) }
