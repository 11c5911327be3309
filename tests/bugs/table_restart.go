package main

const nodePkg = "gateway/node"

// restartBugs are those of a start, of its loading, and of an operator's recovery. Where no rule of the protocol speaks of
// it, the rule that would be violated in the end is named.
var restartBugs = []bug{
	{"leadsWhileLoading", "27", []edit{{transportPkg + "/guard.go", "f != nil && (*f)(g.id) {", "f != nil && false {"}}, transportPkg, "^TestNodeThatLoadsVotesAndDoesNotStand$"},
	{"servesWhileLoading", "27", []edit{{"gateway/respserver/command.go", "if !r.whileLoading && c.server", "if false && c.server"}}, nodePkg, "^TestNodeSaysThatItIsLoadingUntilItsDataIsThere$"},
	{"forwardsWhileLoading", "26", []edit{{"gateway/grpcserver/serve.go", "if s.loading() && !s.servedElsewhere(c) {", "if false {"}}, nodePkg, "^TestNodeSaysThatItIsLoadingUntilItsDataIsThere$"},
	{"loadsTheRestAnyway", "29", []edit{{hostPkg + "/load.go", "				if err := h.openReplica(g.id, g.mark); err != nil && !h.setAside(g.id, err) {\n					h.giveUp(err)\n				}\n", "				_ = h.openReplica(g.id, g.mark)\n"}}, hostPkg, "^TestLoadEndsWithTheFirstReplica"},
	{"recoversInTheNextTerm", "0", []edit{{hostPkg + "/recover.go", "+ termsSkipped + rand.Uint64N(termsSkipped)", "+ 1 + rand.Uint64N(1)"}}, hostPkg, "^TestRecoveryWritesOneMore"},
	{"recoversBesideAMajority", "28", []edit{{hostPkg + "/recoverplan.go", "case len(g.Left) > len(g.Voters)/2:", "case len(g.Left) == len(g.Voters):"}}, hostPkg, "^TestGroupIsRecoveredOnly"},
	{"recoversAtTwoNodes", "28", []edit{{hostPkg + "/recoverplan.go", "case len(g.Left) > 1 && !isNamed:", "case len(g.Left) > 9 && !isNamed:"}}, hostPkg, "^TestGroupIsRecoveredOnly"},
	{"recoversOnAnOldPlan", "28", []edit{{hostPkg + "/recover.go", "if last != g.Last || term != g.LastTerm {", "if last < g.Last {"}}, hostPkg, "^TestRecoveryWritesOneMore"},
	{"recoversWithAHole", "29", []edit{{hostPkg + "/recoverplan.go", "if err := log.Covers(g.Snapshot); err != nil {", "if err := log.Covers(g.Snapshot); err != nil && g.ID == 0 {"}}, hostPkg, "^TestRecoveryDoesWithoutASnapshot"},
	{"recoversFromADamagedSnapshot", "29", []edit{{hostPkg + "/recoverplan.go", "		if err := v.Verify(); err != nil {", "		if err := v.Verify(); err != nil && v.Index == 0 {"}}, hostPkg, "^TestRecoveryDoesWithoutASnapshot"},
	{"hearsWhomItGaveUp", "29", []edit{{transportPkg + "/handshake.go", "if err == nil && t.gaveUp(got.from) {", "if err == nil && false {"}}, transportPkg, "^TestNodeThatWasGivenUp"},
	{"dialsWhomItGaveUp", "29", []edit{{transportPkg + "/lane.go", "if l.t.gaveUp(l.node) {", "if false {"}}, transportPkg, "^TestNodeThatWasGivenUp"},
	{"takesOutAMemberAgain", "31", []edit{{hostPkg + "/givenup.go", " || slices.Contains(now.Voters, node) || slices.Contains(now.Learners, node)", " && now.Index == 0"}}, hostPkg, "^TestLostNodeThatIsAMember"},
	{"checkCutsTheTail", "13", []edit{{"shard/logstore/walload.go", "		mode := os.O_RDWR\n		if w.readOnly {\n			mode = os.O_RDONLY\n		}\n", "		mode := os.O_RDWR\n"},
		{"shard/logstore/walload.go", "	if w.readOnly {\n		w.diskBytes.Store(w.allBytes)\n		return nil\n	}\n", ""}}, hostPkg, "^TestCheckTellsOfATornTail"},
	{"emptySlotsHideOthers", "29", []edit{{"raftfsm/store/digest.go", "sum += hash64(digestSeed, fields[:]) // a", "sum = fold(sum^hashA, sl.DigestLocked()^hashB) // a"}}, "raftfsm/store", "^TestDigestsDifferWhereverTheDifferenceIs$"},
}
