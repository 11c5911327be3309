package main

// The places.
const (
	respserverPkg = "gateway/respserver"
	grpcserverPkg = "gateway/grpcserver"
	routerPkg     = "gateway/router"
	stablePkg     = "shard/logstore"
)

// gatewayBugs are of the layer that answers clients, and of the store that votes stand in.
var gatewayBugs = []bug{
	{"pipeNoWait", "12", []edit{{respserverPkg + "/read.go", "		if f.isOpen() || f.remote() {", "		if f == nil {"}},
		respserverPkg, "^TestPipelinedReadsSeeTheWritesBeforeThem$"},
	{"watchMissing", "34", []edit{{respserverPkg + "/watch.go", "	return mark{shard: shard, incarnation: incarnation, deletions: deletions}", "	_, _ = incarnation, deletions\n	return mark{}"}},
		respserverPkg, "^TestTransactions"},
	{"watchBlindToPending", "34", []edit{{respserverPkg + "/read.go", "err = c.readAt(replica, s, router.ReadLease, func(r ops.Reader) resp.Value {", "err = c.readAt(replica, s, router.ReadStale, func(r ops.Reader) resp.Value {"}},
		respserverPkg, "^TestWatchSeesWritesOfOthers"},
	{"execIgnoresWatch", "34", []edit{{respserverPkg + "/exec.go", "markOf(tx, t.shard, w.key) != w.mark {", "markOf(tx, t.shard, w.key) == (mark{}) {"}}, respserverPkg, "^TestTransactions|^TestWatch"},
	{"countedBeforeTheWrites", "34", []edit{{respserverPkg + "/command.go", "	\"client|caching\": true,\n}", "	\"client|caching\": true, \"dbsize\": true,\n}"}},
		respserverPkg, "^TestKeysAreCounted"},
	{"scanBlindToPending", "34", []edit{{executorPkg + "/scan.go", "if v.over != nil && cursor == 0 {", "if v.over == nil && cursor == 0 {"}},
		executorPkg, "^TestScanSeesTheOnlyKeyComeAndGo$"},
	{"scanShowsWhatCanBeLost", "34", []edit{{executorPkg + "/scan.go", "				v.saw = later(v.saw, p.batch)\n				return", "				return"}},
		executorPkg, "^TestScanSeesTheOnlyKeyComeAndGo$"},
	{"noOutputBound", "DESIGN 5", []edit{{respserverPkg + "/replysize.go", "if c.budget.Add(-sizeOf(v)) < 0 && !v.IsError() {", "if c.budget.Add(-sizeOf(v)) < -1<<40 && !v.IsError() {"}},
		respserverPkg, "^TestReplyLimitAtTheEdge$"},
	{"clientThatReadsNothingIsKept", "DESIGN 5", []edit{{respserverPkg + "/output.go", "time.Now().Add(o.limits.WriteDeadline)", "time.Now().Add(1000 * o.limits.WriteDeadline)"}},
		respserverPkg, "^TestClientThatDoesNotReadIsCut$"},
	{"retryUnknownRESP", "26", []edit{{respserverPkg + "/entry.go", "case apierr.KindNotLeader, apierr.KindNotOwned, apierr.KindImporting:", "case apierr.KindNotLeader, apierr.KindNotOwned, apierr.KindImporting, apierr.KindUnknownOutcome:"}},
		respserverPkg, "^TestRefusedWriteIsNotRepeatedBehindALaterOne$"},
	{"retryUnknownGRPC", "26", []edit{{grpcserverPkg + "/forward.go", "	case c.reads:\n		return nil, again", "	case true:\n		return nil, again"}},
		grpcserverPkg, "^TestWriteWithUnknownOutcomeIsNeverRepeated$"},
	{"askingLasts", "ASKING", []edit{{respserverPkg + "/redirect.go", "		c.asking = false", "		_ = c.asking"}},
		respserverPkg, "^TestAskingIsForOneCommand$"},
	{"arrivingOvertaken", "12", []edit{{respserverPkg + "/route.go", "if !ok || t.Arriving {", "if !ok {"}},
		respserverPkg, "^TestCommandsOfASlotThatIsArrivingWaitInOrder$"},
	{"watchElsewhere", "34", []edit{{respserverPkg + "/watch.go", "	return mark{shard: shard, incarnation: incarnation, deletions: deletions}", "	_ = shard\n	return mark{incarnation: incarnation, deletions: deletions}"}},
		respserverPkg, "^TestNodeThatLeadsBothShardsServesTheSlotWhereItArrives$"},
	{"staleOfWhatHasLeft", "18", []edit{{respserverPkg + "/read.go", "if stale && isMoved(err) {", "if stale && err.Kind == 0 {"}},
		respserverPkg, "^TestStaleReadsOfASlotThatHasLeftAreSentOn$"},
	{"askedForgotten", "ASKING", []edit{{grpcserverPkg + "/forward.go", "request.Asking = c.asked == router.AskedHere || c.handed == shard", "request.Asking = c.asked == router.AskedHere"}},
		grpcserverPkg, "^TestCallsFollowASlotThatIsHandedOver$"},
	{"sentBackByAnOldMap", "ASKING", []edit{{routerPkg + "/router.go", "if held, here := r.findHeld(s); here {", "if held, here := r.findHeld(s); here && asked == AskedHere {"}},
		respserverPkg, "^TestSlotThatHasArrivedIsNotSentBackByAnOldSlotMap$"},
	{"askedSentBack", "ASKING", []edit{{routerPkg + "/router.go", "moving && m.Stage == MigrationRunning {", "moving && m.Stage == 0 {"}},
		respserverPkg, "^TestAskingClientIsNotSentBackToTheShardThatSentIt$"},
	{"flushByAnOldMap", "34", []edit{{respserverPkg + "/keyspace.go", "		c.flushShard(replica) //", "		if len(c.server.cfg.Router.View().Map.Ranges(replica.Shard())) > 0 {\n			c.flushShard(replica)\n		} //"}},
		respserverPkg, "^TestFlushEmptiesAShardThatHasNoSlotsByAnOldSlotMap$"},
	{"voteInTwoSteps", "raft #661", []edit{
		{stablePkg + "/group.go", "		defer g.mu.Unlock()\n		g.staged = value\n		return nil\n", `		g.staged = value
		g.mu.Unlock()
		return g.change("vote", func(b *ballot) error {
			b.voteTerm = value
			return nil
		})
`},
		{stablePkg + "/group.go", "if term < b.voteTerm || term == b.voteTerm && !bytes.Equal(b.candidate, candidate) {", "if term < b.voteTerm {"},
	}, stablePkg, "^TestCrashWhileVotingGivesNoVoteToTheOldCandidate$"},
}
