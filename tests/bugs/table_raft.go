package main

// The places.
const (
	shardPkg     = "shard"
	gateFile     = shardPkg + "/gate.go"
	transportPkg = "shard/transport"
	// nextLeader is the election of a next leader in virtual time.
	nextLeader = "^TestNextLeaderIsElectedOnceTheHeartbeatTimeoutHasPassed$"
)

// raftBugs show only with real raft below: in the gate for reads, in what a member does, on the wire.
var raftBugs = []bug{
	{"noClamp", "0", []edit{
		{transportPkg + "/append.go", "return min(args.LeaderCommitIndex, lastEntry(args))", "return args.LeaderCommitIndex"},
		{transportPkg + "/dispatch.go", "if req.LeaderCommitIndex <= lastEntry(req) {", "if lastEntry(req) >= 0 {"},
	}, simPkg, "^TestReturningLeaderDoesNotApplyItsOwnTail$"},
	{"noClampOfSender", "0", []edit{
		{transportPkg + "/append.go", "return min(args.LeaderCommitIndex, lastEntry(args))", "return args.LeaderCommitIndex"},
	}, simPkg, "^TestReturningLeaderDoesNotApplyItsOwnTail$"},
	{"stateLeaderRead", "10", []edit{{executorPkg + "/read.go", "if mode == ReadLease && e.cfg.Gate.Leased(ten.term) {", "if mode != ReadStale {"}}, simPkg, "^TestLeaderThatIsCutOffShowsNothingOld$"},
	{"verifyLeaderRead", "10", []edit{{gateFile, "	w := &waiting{term: term, number: g.asks.next(), done: make(chan error, 1)}\n", `	if m, ok := g.of.(*member); ok {
		return m.raft.VerifyLeader().Error()
	}
	w := &waiting{term: term, number: g.asks.next(), done: make(chan error, 1)}
`}}, simPkg, "^TestReadIndexJoinsNoRoundThatIsUnderWay$"},
	{"leaseNeverEnds", "10", []edit{{gateFile, "l != nil && l.term == term && time.Now().Before(l.until)", "l != nil && l.term == term"}}, shardPkg, "^TestLeaseEndsByItself$"},
	{"noDMaxOverRaft", "10", []edit{{executorPkg + "/start.go", "e.serveAt = e.seenAt.Add(e.cfg.LeaseMax)", "e.serveAt = e.seenAt"}}, simPkg, "^TestNewLeaderWaitsForTheLeaseOfTheOldOne$"},
	{"leaseReceipt", "10", []edit{{shardPkg + "/confirmer.go", "		if i < len(ok) && ok[i] {", "		a.sent = time.Now()\n		if i < len(ok) && ok[i] {"}}, simPkg, "^TestLateAnswersGiveNoLease$"},
	{"leaseByNumber", "10", []edit{{gateFile, "oldest.sent = latest[need-1].sent", "oldest.sent = latest[0].sent"}}, shardPkg, "^TestLeaseCountsFromTheOldestQuestionOfTheQuorum$"},
	{"indexOldRound", "10", []edit{{gateFile, "case quorum && oldest.number > w.number:", "case quorum:"}}, simPkg, "^TestReadIndexJoinsNoRoundThatIsUnderWay$"},
	{"relResumeOverRaft", "20", []edit{{executorPkg + "/note.go", `		if e.phase == phaseDraining || e.phase == phaseReleasing {
			e.drop()
`, `		if e.phase == phaseDraining || e.phase == phaseReleasing {
			e.phase = phaseServing
			e.tenure.Store(&tenure{term: e.term, incarnation: e.inc})
			e.signalChange()
`}}, simPkg, "^TestLeaderThatGoesOnAfterAFailedTransferIsWaitedFor$"},
	{"relStickyOverRaft", "20", []edit{
		{fsmFile, "	state.Released = false\n	switch header.Kind {", "	switch header.Kind {"},
		{fsmFile, "	state.Released = false\n	f.setState(state)\n", "	f.setState(state)\n"},
	}, simPkg, "^TestReleaseFurtherBackInTheLogSavesNoWait$"},
	{"relBeforeWaitOverRaft", "20", []edit{{executorPkg + "/release.go", "if e.phase != phaseServing || e.tenure.Load() == nil {", "if !e.incarnate() {"}}, simPkg, "^TestLeaderThatStillWaitsReleasesNothing$"},
	{"relSavesNothing", "20", []edit{{executorPkg + "/start.go", "	if s.afterRelease {", "	if s.term == 0 {"}}, simPkg, "^TestLeaderThatFollowsAReleaseServesAtOnce$"},
	{"silenceUnnoticed", "DESIGN 8", []edit{{shardPkg + "/member.go", "	m.wg.Go(m.watchSilence)\n", ""}}, simPkg, nextLeader},
	{"preVoteAskedOnce", "DESIGN 8", []edit{{transportPkg + "/vote.go", "if pause > g.t.cfg.RPCTimeout.Control ||", "if pause > 0 ||"}}, simPkg, nextLeader},
	{"noPrecedence", "DESIGN 8", []edit{
		{transportPkg + "/campaign.go", "g.precedesRival(node, question) && r.Granted", "g.precedesRival(node, question) && r.Granted && r.Term == 0"},
		{transportPkg + "/vote.go", "resp.Granted = resp.Granted && !g.yields(args)", "_ = g.yields"},
	}, simPkg, nextLeader},
	{"grantsAreNotWithheld", "DESIGN 8", []edit{
		{transportPkg + "/campaign.go", "g.precedesRival(node, question) && r.Granted", "g.precedesRival(node, question) && r.Granted && r.Term == 0"},
	}, transportPkg, "^TestCandidateKeepsItsPrecedence"},
	{"startAgainOverRaft", "27", []edit{{executorPkg + "/run.go", "	case phaseWaiting:\n		if wait", `	case phaseStarting:
		if time.Since(e.retryAt) > time.Second {
			e.retryAt = time.Now()
			e.start()
		}
	case phaseWaiting:
		if wait`}}, simPkg, "^TestLeaderWithASlowQuorumGetsReady$"},
	{"bootstrapOnce", "28", []edit{{shardPkg + "/bootstrap.go", "	if last > 0 || len(snapshots) > 0 {\n", `	if term, _ := s.Stable.GetUint64([]byte("CurrentTerm")); term > 0 || last > 0 || len(snapshots) > 0 {
`}}, shardPkg, "^TestInterruptedBootstrapIsRepeated$"},
	{"bootstrapAgain", "28", []edit{{shardPkg + "/bootstrap.go", "if last > 0 || len(snapshots) > 0 {", "if last > 1 || len(snapshots) > 0 {"}}, shardPkg, "^TestBootstrapOfAGroupThatHasALogIsIgnored$"},
	{"termReadErrorIgnored", "28", []edit{{shardPkg + "/bootstrap.go", `err != nil && err.Error() != "not found" {`, `err != nil && len(members) == 0 {`}}, shardPkg, "^TestBootstrapDoesNotOverwriteATermItCannotRead$"},
	{"learnersConfirm", "31", []edit{{shardPkg + "/member.go", "		if s.Suffrage == raft.Voter {", "		if s.Suffrage != raft.Staging {"}}, simPkg, "^TestAnswersOfLearnersConfirmNothing$"},
	{"removedSelfCounts", "31", []edit{{gateFile, "		if id == g.node {", "		if id == g.node || id == ids[0] {"}}, shardPkg, "^TestQuorumCountsVotersOfTheLatestConfigurationOnly$"},
	{"answersOutliveConfiguration", "31", []edit{{gateFile, "changes != g.changes || !slices.Equal(ids, g.ids)", "len(g.ids) == 0"}}, shardPkg, "^TestChangeOfConfigurationDiscardsAnswers$"},
	{"answersOnTheirWayCount", "31", []edit{{gateFile, "max(g.since, g.answers[node].number)", "g.answers[node].number"}}, shardPkg, "^TestChangeOfConfigurationDiscardsAnswers$"},
	{"membersWithoutIndex", "31", []edit{{shardPkg + "/membership.go", "	m.configuredAt.CompareAndSwap(0, index)\n	return configuration, index, nil", "	return configuration, 0, nil"}}, shardPkg, "^TestMembersCarryTheIndexOfTheirConfiguration$"},
	{"slowNodeHoldsTheOthers", "31", []edit{
		{shardPkg + "/confirmer.go", "	numbers atomic.Uint64\n", "	numbers atomic.Uint64\n	turn    chan struct{}\n"},
		{shardPkg + "/confirmer.go", "		asker:   asker,\n", "		asker:   asker,\n		turn:    make(chan struct{}, 1),\n"},
		{shardPkg + "/confirmer.go", "	ok, _, err := c.asker.Confirm", "	c.turn <- struct{}{}\n	defer func() { <-c.turn }()\n	ok, _, err := c.asker.Confirm"},
	}, shardPkg, "^TestSlowNodeDelaysNobody$"},
	{"asyncForEver", "7", []edit{{executorPkg + "/append.go", "return time.Since(e.oldestLocked()) <= e.cfg.Limits.AsyncAge", "return time.Since(e.oldestLocked()) <= time.Hour"}}, simPkg, "^TestAsyncWritesAreLostOnlyWithTheirLeader$"},
	{"closeForgetsFutures", "32", []edit{{shardPkg + "/member.go", "answered := within(futuresMax, m.asking.Wait)", "answered := false"}}, shardPkg, "^TestCloseAnswersWhoeverAsksRaft$"},
	{"closeLeavesReaders", "32", []edit{{shardPkg + "/member.go", "		m.gate.close()\n", ""}}, simPkg, "^TestCloseWithRequestsUnderWayAnswersAllOfThem$"},
}
