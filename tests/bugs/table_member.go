package main

// The places.
const (
	guardFile    = shardPkg + "/guard.go"
	placementPkg = "shard/placement"
)

// memberBugs are of who votes, who confirms, and what members agree on before they talk.
var memberBugs = []bug{
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
	{"metaGrowsByOne", "33", []edit{{placementPkg + "/plan_meta.go", "need := 1 + voters%2", "need := 1"}}, placementPkg, "^TestStepsOfTheMetaGroup$"},
	{"metaPromotesWhoIsBehind", "33", []edit{{placementPkg + "/plan_meta.go", "if len(behind) > 0 {", "if len(behind) == len(learners)+1 {"}}, placementPkg, "^TestStepsOfTheMetaGroup$"},
}
