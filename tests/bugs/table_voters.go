package main

// The places.
const (
	guardFile    = shardPkg + "/guard.go"
	placementPkg = "shard/placement"
)

// voterBugs are of who votes, who confirms, and what members agree on before they talk.
var voterBugs = []bug{
	{"guardAtTheCommitIndex", "13", []edit{{guardFile, "g.term, g.target = h.Term, h.LeaderLast", "g.term, g.target = h.Term, h.Matched"}}, shardPkg, "^TestGuardEndsAtTheLeadersLastIndex"},
	{"guardOfTheFirstLeader", "13", []edit{{guardFile, "if h.Term > g.term {", "if g.term == 0 {"}, {guardFile, "reached := h.Term == g.term && h.Matched >= g.target", "reached := h.Matched >= g.target"}},
		shardPkg, "^TestGuardMeasuresAnewByEveryLeader$"},
	{"guardEndsWithAllVoters", "13", []edit{{guardFile, "g.longest, g.hasLongest = longest, unguarded < len(voters)/2+1", "g.longest, g.hasLongest = longest, unguarded >= 0"}},
		shardPkg, "^TestGuardDoesNotEndBecauseAllVotersAreBack$"},
	{"guardedCandidate", "23", []edit{{transportPkg + "/guard.go", "	return g.checkGuard(b)\n", "	return nil\n"}}, transportPkg, "^TestVoteGuardWorksInBothDirections$"},
	{"guardPassesAnyLog", "23", []edit{{guardFile, "|| !g.hasLongest || candidate.Before(g.longest)", "|| !g.hasLongest && candidate.Before(g.longest)"}}, shardPkg, "^TestWithoutAQuorumBallotsPass"},
	{"leaseMaxUnchecked", "21", []edit{{transportPkg + "/handshake.go", "case got.leaseMax != want.leaseMax:", "case got.leaseMax < 0:"}}, transportPkg, "^TestHandshakeRefuses"},
	{"leaseAsLongAsTheWait", "21", []edit{{metaPkg + "/settings.go", "s.Lease*10 > s.LeaseMax*9:", "s.Lease > s.LeaseMax:"}}, metaPkg, "^TestSettingsThatBreakARule"},
	{"leaseMaxChanges", "21", []edit{{metaPkg + "/changesetting.go", `err = apierr.New(apierr.KindInvalid, "setting lease-max is fixed at %v since the cluster began, because leaders wait that long for leases of others to end; not applied, change lease instead", s.LeaseMax)`,
		"s.LeaseMax = fromMs(c.LeaseMaxMs)"}}, metaPkg, "^TestSettingsThatBreakARule"},
	{"closedGroupConfirms", "31", []edit{{hostPkg + "/host.go", "return ok && r.Term() <= q.Term", "return !ok || r.Term() <= q.Term"}}, hostPkg, "^TestGroupThatIsNotOpen"},
	{"answersOfAnEarlierTerm", "31", []edit{{gateFile, "	if !leads || current != term {\n", "	if !leads || current == 0 {\n"}, {gateFile, "if g.term == term && a.number > ", "if a.number > "}}, shardPkg, "^TestAnswersOfAnEarlierTerm"},
	{"promotesWhoLacksEntries", "33", []edit{{shardPkg + "/membership.go", "return match > 0 && match+caughtUpEntries >= m.raft.LastIndex()", "return match > 0"}}, simPkg, "^TestWhoLacksEntries"},
	{"waitCountsWhoLacksIt", "WAIT", []edit{{shardPkg + "/membership.go", "m.cfg.Wire.MatchIndex(node) >= index", "m.cfg.Wire.MatchIndex(node) > 0"}}, simPkg, "^TestWhoLacksEntries"},
	{"waitCountsOtherTerms", "WAIT", []edit{{transportPkg + "/group.go", "	if term == g.term && life == g.lives[node] {", "	if term > 0 && life == g.lives[node] {"}}, transportPkg, "^TestAnswersThatAreLate"},
	{"anOlderTermLeads", "DESIGN 7", []edit{{hostPkg + "/leaders.go", "if own.Term > hint.Term || own.Term == hint.Term && own.Node != \"\" {", "if own.Node != \"\" {"}}, hostPkg, "^TestHigherTermDecides"},
	{"hintOfAnOlderTerm", "DESIGN 7", []edit{{"shard/gossip/leaders.go", "		return l.Term > old.Term\n", "		return l.Term != old.Term\n"}}, "shard/gossip", "^TestLeaderHintsConverge"},
	{"planOfAnOlderEpoch", "DESIGN 7", []edit{{metaPkg + "/shard.go", "case c.ExpectedEpoch != v.epoch:", "case c.ExpectedEpoch > v.epoch:"}}, metaPkg, "^TestPlansOfAnotherEpoch"},
	{"lostLogIsANewOne", "29", []edit{{storageFile, "!has && f.hasVoted(uint64(group)) {", "!has && f.hasVoted(uint64(group)) && group == 0 {"}}, hostPkg, "^TestFounderBeginsOnce"},
	{"metaGrowsByOne", "33", []edit{{placementPkg + "/plan_meta.go", "return p.grow(1+voters%2, caughtUp)", "return p.grow(1, caughtUp)"}}, placementPkg, "^TestStepsOfTheMetaGroup$"},
	{"metaPromotesWhoIsBehind", "33", []edit{{placementPkg + "/plan_meta.go", "if len(behind) > 0 {", "if len(behind) == len(learners)+1 {"}}, placementPkg, "^TestStepsOfTheMetaGroup$"},
}
