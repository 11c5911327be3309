package main

// anyRoute is the random simulation of nodes that know little of their cluster.
const anyRoute = "^TestClientsAreToldTheTruthWhateverNodesKnowOfTheCluster$"

// routeBugs are of requests that come to the wrong place: DESIGN, section 7.
var routeBugs = []bug{
	{"readOfAForeignSlot", "DESIGN 7", []edit{{executorPkg + "/read.go", "	if v.slot.StateLocked() != store.SlotOwned {", "	if v.slot.StateLocked() > store.SlotOwned+100 {"}}, simPkg, anyRoute},
	{"writeToAForeignSlot", "DESIGN 7", []edit{{executorPkg + "/evaluate.go", "	if sl.StateLocked() == store.SlotOwned {", "	if sl.StateLocked() < store.SlotOwned+100 {"}}, simPkg, anyRoute},
	{"redirectToItself", "DESIGN 7", []edit{{"gateway/router/router.go", `if shard.Leader == "" || shard.Leader == v.Self {`, `if shard.Leader == "" {`}}, simPkg, anyRoute},
	{"staleWantsALeader", "DESIGN 4", []edit{{"gateway/router/router.go", "	return r.cluster.Replica(shard)\n", `	replica, here := r.cluster.Replica(shard)
	return replica, here && replica.Leads()
`}}, "tests/cluster", "^TestReplicaWithoutALeaderServesStaleReads"},
	{"slotsNobodyGave", "24", []edit{{"raftfsm/fsm.go", "		f.own(ranges)\n", "		f.own([]slot.Range{{Last: slot.Count - 1}})\n		_ = ranges\n"}}, simPkg, anyRoute},
}
