package main

// anyRoute is the random simulation of nodes that know little of their cluster.
const anyRoute = "^TestClientsAreToldTheTruthWhateverNodesKnowOfTheCluster$"

// routeBugs are of requests that come to the wrong place: DESIGN, section 7.
var routeBugs = []bug{
	{"readOfAForeignSlot", "DESIGN 7", []edit{{executorPkg + "/read.go", " || v.over != nil && !served(v.slot, v.over) {", " {"}}, simPkg, anyRoute},
	{"writeToAForeignSlot", "DESIGN 7", []edit{{executorPkg + "/evaluate.go", "	ok := served(sl, &e.overlay.slots[r.Slot])\n", "	ok := true\n"}}, simPkg, anyRoute},
	{"redirectToItself", "DESIGN 7", []edit{{"gateway/router/router.go", `if shard.Leader == "" || shard.Leader == v.Self {`, `if shard.Leader == "" {`}}, simPkg, anyRoute},
	{"slotsNobodyGave", "24", []edit{{"raftfsm/fsm.go", "	for _, r := range ranges {\n		for s := int(r.First); s <= int(r.Last); s++ {\n			if id := slot.ID(s); f.slotState(id)", "	for _, r := range []slot.Range{{Last: slot.Count - 1}} {\n		for s := int(r.First); s <= int(r.Last); s++ {\n			if id := slot.ID(s); f.slotState(id)"}}, simPkg, anyRoute},
	{"staleWantsALeader", "DESIGN 4", []edit{{"gateway/router/router.go", "	return r.cluster.Replica(shard)\n", `	replica, here := r.cluster.Replica(shard)
	return replica, here && replica.Leads()
`}}, "tests/cluster", "^TestReplicaWithoutALeaderServesStaleReads"},
}
