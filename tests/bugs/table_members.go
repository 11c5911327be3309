package main

// The places.
const (
	changeFile  = shardPkg + "/memberchange.go"
	leaveFile   = hostPkg + "/leavegroup.go"
	membersFile = placementPkg + "/plan_members.go"
)

// memberBugs are of who belongs to a group, and of what a replica that goes leaves behind.
var memberBugs = []bug{
	{"promoteBehind", "members", []edit{{changeFile, `	if !m.CaughtUp(node) {
		return m.refuse(apierr.KindTryAgain, what, "it has not caught up with the log")
	}
`, ""}, {changeFile, "append(slices.Clone(members.Voters), node), node)", "members.Voters)"}, {changeFile, "if !m.CaughtUp(node) {", "if false {"}},
		shardPkg, "^TestLearnerThatIsBehindGetsNoVote$"},
	{"matchOfAnEarlierLife", "members", []edit{{changeFile, "	m.wire.ForgetMatch(node)\n", ""}}, shardPkg, "^TestNodeThatComesBackEmptyCatchesUpAnew$"},
	{"lateAnswerOfAnEarlierLife", "members", []edit{{"shard/transport/group.go", "term == g.term && life == g.lives[node]", "term == g.term && life <= g.lives[node]"}},
		"shard/transport", "^TestMatchIndexIsOfTheNodesPresentLife$"},
	{"removesItself", "members", []edit{{changeFile, "if node == m.cfg.Node {", "if false {"}}, shardPkg, "^TestNodeTakesThePlaceOfTheLeader$"},
	{"removesWithoutAQuorum", "members", []edit{{changeFile, "len(answering) < need {", "len(answering) < 0*need {"}}, shardPkg, "^TestChangesThatWouldStopTheGroupAreRefused$"},
	{"removesOneThatAnswers", "members", []edit{{changeFile, "len(m.answering(ctx, []string{node})) > 0", "len(m.answering(ctx, []string{node})) > 1"}},
		shardPkg, "^TestChangesThatWouldStopTheGroupAreRefused$"},
	{"twoChangesAtOnce", "members", []edit{{changeFile, "raft.ServerAddress(node), index, membershipTimeout)\n	})\n}\n\n// Promote", "raft.ServerAddress(node), 0, membershipTimeout)\n	})\n}\n\n// Promote"}},
		shardPkg, "^TestOfTwoChangesPlannedTogetherOneIsMade$"},
	{"votesWithoutItsLog", "28", []edit{{shardPkg + "/guard.go", "candidate.Before(g.floor)", "candidate.Before(transport.LogEnd{})"}},
		shardPkg, "^TestNodeThatComesBackEmptyElectsNobodyWithoutWhatItHad$|^TestVotesOfAReplicaThatCameBack"},

	{"deletesAVoter", "28", []edit{{leaveFile, "slices.Contains(status.Voters, h.cfg.Self.ID) ||", ""}}, hostPkg, "^TestReplicaStaysUntilBothLeaders"},
	{"deletesOnOldNews", "28", []edit{{leaveFile, "state, err := h.Latest(ctx)\n	if err != nil {\n		return fmt.Errorf(\"shard %d: the replica", "state, err := h.State(), error(nil)\n	if err != nil {\n		return fmt.Errorf(\"shard %d: the replica"}},
		hostPkg, "^TestReplicaStaysUntilBothLeaders"},
	{"deletesBeforeTheRemovalIsCommitted", "28", []edit{{leaveFile, "|| status.Committed < status.MembersIndex", ""}}, hostPkg, "^TestReplicaStaysUntilBothLeaders"},
	{"forgetsItsVote", "28", []edit{{leaveFile, "	if f.WAL != nil {\n		if err := f.WAL.Forget(uint64(id)); err != nil {", "	if err := f.Stable.Forget(uint64(id)); err != nil {\n		return err\n	}\n	if f.WAL != nil {\n		if err := f.WAL.Forget(uint64(id)); err != nil {"}},
		hostPkg, "^TestRemovedReplicaLeavesATombstone$"},
	{"forgetsWhereItsLogEnded", "28", []edit{{leaveFile, "			mark.LastIndex, mark.LastTerm = index, term\n", "			mark.LastIndex, mark.LastTerm = 0, 0\n"}},
		hostPkg, "^TestRemovedReplicaLeavesATombstone$"},
	{"keepsHalfARemoval", "28", []edit{{hostPkg + "/load.go", "if err := h.cfg.Folder.deleteGroup(slot.ShardID(id)); err != nil {", "if err := error(nil); err != nil {"}},
		hostPkg, "^TestRemovedReplicaLeavesATombstone$"},
	{"slotsOfAnEmptyShard", "24", []edit{{hostPkg + "/groups.go", "if !ok || s.Phase != meta.ShardCreating {\n		return nil", "if !ok {\n		return nil"}}, hostPkg, "^TestSlotsComeFromTheStateOnlyWhileTheShardIsCreated$"},

	{"deletesADamagedVoter", "29", []edit{{hostPkg + "/rebuild.go", "	if err := h.checkLeft(id, leader); err != nil {\n		return err\n	}\n", ""}}, hostPkg, "^TestDamagedReplicaStays"},
	{"votesAsIfNothingWasLost", "29", []edit{{hostPkg + "/rebuild.go", "return end.Index, end.Term, nil", "return 0, 0, nil"}}, hostPkg, "^TestDamagedReplicaStays"},
	{"settledOnTheWay", "members", []edit{{placementPkg + "/place.go", "		delete(c.settled, m.shard)", "		// delete(c.settled, m.shard)"}}, placementPkg, "^TestReplicaThatHasLeftByItself"},
	{"takesTheAddressOfALivingNode", "members", []edit{{hostPkg + "/metaview.go", "n.State != gossip.StateAlive || !registered", "n.State == gossip.StateAlive || !registered"}},
		hostPkg, "^TestRegistrationDoesNotTake"},
	{"olderNodesAreNotAsked", "upgrade", []edit{{hostPkg + "/metaview.go", "	return h.SupportedByAll(ctx, c.Version)\n", "	return nil\n"}}, hostPkg, "^TestMetaLeaderAsks"},

	{"deafWhenRemoved", "members", []edit{{hostPkg + "/metaleader.go", "return leader != \"\"", "return true || leader == \"\""}}, "tests/cluster", "^TestReplicasOfADeadNodeAreRebuiltOnASpare$"},

	{"promoteBeforeCaughtUp", "members", []edit{{membersFile, "return !s.caughtUp(id) })", "return false })"}}, placementPkg, "^TestStepsOfAShard$"},
	{"removeBeforePromote", "members", []edit{{membersFile, "(*ShardSituation).learn, (*ShardSituation).promote,\n		(*ShardSituation).remove,", "(*ShardSituation).remove, (*ShardSituation).learn,\n		(*ShardSituation).promote,"}},
		placementPkg, "^TestStepsOfAShard$"},
	{"twoVotersOnly", "33", []edit{{membersFile, "need = min(2, len(s.Final)-voters)", "need = 1"}}, placementPkg, "^TestStepsOfAShard$"},
	{"unnamesAVoter", "members", []edit{{membersFile, "if !s.final(id) && !s.voter(id) && !s.learner(id) {", "if !s.final(id) {"},
		{membersFile, "(*ShardSituation).prefer, (*ShardSituation).name,", "(*ShardSituation).prefer, (*ShardSituation).name, (*ShardSituation).unname,"}}, placementPkg, "^TestStepsOfAShard$"},
	{"deadAtOnce", "members", []edit{{placementPkg + "/act.go", "deadAfter > 0 && time.Since(since) >= deadAfter", "deadAfter > 0"}, {placementPkg + "/act.go", "since, silent := c.silent[n.ID]", "_, silent := c.silent[n.ID]"}},
		placementPkg, "^TestDeadNodeIsReplacedOnceItIsGone$"},
	{"silenceAddsUp", "members", []edit{{placementPkg + "/act.go", `		if c.Liveness.Alive(n.ID) {
			continue
		}
`, ""}}, placementPkg, "^TestDeadNodeIsReplacedOnceItIsGone$|^TestDrainingNodeGivesUpAllThatItHolds$"},
	{"drainsOntoADrainingNode", "members", []edit{{placementPkg + "/plan_replicas.go", "n.Alive && !n.Leaving() && !slices.Contains(p.sets[i].Replicas, id)", "n.Alive && !slices.Contains(p.sets[i].Replicas, id)"}},
		placementPkg, "^TestPlansOfReplicas"},
	{"metaLosesItsLeader", "33", []edit{{placementPkg + "/plan_meta.go", "if out != p.leader {", "if out != \"\" {"}}, placementPkg, "^TestStepsOfTheMetaGroup$"},
	{"metaShrinksTooEarly", "33", []edit{{placementPkg + "/plan_meta.go", "(!n.Draining || n.Holding) && (n.Alive", "!n.Draining && (n.Alive"}}, placementPkg, "^TestStepsOfTheMetaGroup$"},
	{"metaRemovesFirst", "33", []edit{{placementPkg + "/plan_meta.go", "case len(leaving) > 0 && len(p.candidates(1, p.group.Voters, p.free)) > 0:", "case len(leaving) > 0:\n		return p.shrink(leaving)\n	case false:"}},
		placementPkg, "^TestStepsOfTheMetaGroup$"},
}
