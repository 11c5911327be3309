package main

import "slices"

// The places.
const (
	fsmFile      = "raftfsm/fsm.go"
	snapshotFile = "raftfsm/snapshotread.go"
	executorPkg  = "shard/executor"
	fsmPkg       = "raftfsm"
	simPkg       = "tests/sim"
	suitePkg     = "tests/robustness"
	handoverFile = "raftfsm/applyhandover.go"
	takesFile    = "raftfsm/takechunk.go"
	// inModel is the differential test beside the model's hand-over.
	inModel = "^TestHandOversGoAsInTheModel$"
	// anySeed is the random simulation of the core.
	anySeed = "^TestCoreKeepsItsPromisesOverAnAdversarialLog$"
)

// bugs is the table.
var bugs = slices.Concat(directedBugs, simulatedBugs, clusterBugs, suiteBugs)

// directedBugs are found by a test that knows where they are.
var directedBugs = slices.Concat(
	coreBugs,
	raftBugs,
	voterBugs,
	memberBugs,
	snapshotBugs,
	gatewayBugs,
	evictBugs,
	settingBugs,
	diskBugs,
	networkBugs,
	restartBugs,
	stampBugs,
	metaBugs,
	handoverBugs,
	controlBugs,
	migrationBugs,
	routeBugs,
	sessionBugs,
	userBugs,
	scriptBugs,
	fieldBugs,
)

// again is the defect of a name, to be found at another level.
func again(name, level, pkg, test string) bug {
	for _, b := range directedBugs {
		if b.name == name {
			return bug{name: name + "/" + level, rule: b.rule, edits: b.edits, pkg: pkg, test: test}
		}
	}
	panic("no defect is called " + name)
}

// coreBugs are the executable model's mutations, under its names where it has one, and others of the same layers.
var coreBugs = []bug{
	{"noFence", "1", []edit{{fsmFile, "if header.Incarnation != state.Incarnation || header.Sequence != state.Sequence+1 {", "if false {"}}, fsmPkg, "^TestRecordAppliesIfItDirectlyFollows"},
	{"forgetSeqOnRestore", "2", []edit{{snapshotFile, "Incarnation: header.Incarnation, Sequence: header.Sequence,", ""}}, fsmPkg, "^TestEveryFieldOfTheState"},
	{"appliedTwice", "1", []edit{{fsmFile, "if log.Index <= state.Applied {", "if log.Index < state.Applied {"}}, fsmPkg, "^TestEntryThatWasAppliedBefore"},
	{"clockInApply", "DESIGN 1.4", []edit{{"raftfsm/store/apply.go", "	case e.Kind == entry.EffectSet && !exists:\n", "	case e.Kind == entry.EffectSet && e.ExpireAt != 0 && e.ExpireAt <= time.Now().UnixMilli():\n	case e.Kind == entry.EffectSet && !exists:\n"},
		{"raftfsm/store/apply.go", "	\"sync/atomic\"\n", "	\"sync/atomic\"\n	\"time\"\n"}}, fsmPkg, "^TestSameLogGivesTheSameState"},
	{"reuseSeq", "2", []edit{{executorPkg + "/note.go", `		if e.incarnate() && n.failed.batch.Incarnation == e.inc {
			e.drop()
`, `		if e.incarnate() && n.failed.batch.Incarnation == e.inc {
			e.dropUnproposed(true)
			e.clearOverlay()
			e.seq = n.failed.batch.Sequence - 1
			e.tenure.Store(&tenure{term: e.term, incarnation: e.inc})
`}}, executorPkg, "^TestSequenceNumbersAreNotUsedAgainAfterARefusal$"},
	{"esAnyNonce", "3", []edit{{executorPkg + "/start.go", "own := s.start.Node == e.cfg.Node && s.start.Nonce == e.nonce", "own := true\n\ts.term = e.term"}}, executorPkg, "^TestExecutorAdoptsOnlyItsOwn"},
	{"startOfAnEarlierTerm", "3", []edit{{executorPkg + "/start.go", "case e.phase == phaseStarting && own && s.term == e.term:", "case e.phase == phaseStarting && own:"}}, executorPkg, "^TestExecutorAdoptsOnlyItsOwn"},
	{"readyByNode", "3", []edit{{executorPkg + "/run.go", "if e.phase != phaseIdle && (!leads || term != e.term) {", `if leads && e.phase >= phaseWaiting && term != e.term {
		e.term = term
		if ten := e.tenure.Load(); ten != nil {
			e.tenure.Store(&tenure{term: term, incarnation: ten.incarnation})
		}
	}
	if e.phase != phaseIdle && (!leads || term != e.term) {`}}, simPkg, "^TestCoreReadinessIsOfOneTerm$"},
	{"dropKeepsReady", "4", []edit{{executorPkg + "/run.go", `	e.dropUnproposed(true)
	e.endRelease(`, `	ten := e.tenure.Load()
	e.dropUnproposed(true)
	e.clearOverlay()
	e.tenure.Store(ten)
	e.endRelease(`},
		{executorPkg + "/executor.go", "ten != nil && ten.incarnation == incarnation && e.tenure.CompareAndSwap(ten, nil)", "ten != nil && ten.incarnation == 0"}}, executorPkg, "^TestEffectFreeRequestDoesNotSpin"},
	{"clearAny", "5", []edit{{executorPkg + "/overlay.go", "ok && p.batch == batch {", "ok && p.batch != (BatchID{}) {"}}, simPkg, anySeed},
	{"lostMeansNot", "6", []edit{{executorPkg + "/propose.go", "refused := errors.Is(err, ErrRefused)", "refused := !errors.Is(err, context.Canceled)"}, {executorPkg + "/propose.go", "import (", "import (\n\t\"context\""}}, executorPkg, "^TestOutcomeFollows"},
	{"asyncNoContig", "7", []edit{{executorPkg + "/append.go", "if !e.appended.passes(index, h) || h.Kind != entry.KindBatch {", "if h.Kind != entry.KindBatch {"}}, simPkg, "^TestCoreAsyncWriteBehind"},
	{"noVerGap", "8", []edit{{fsmFile, "	state.Version += VersionGap\n", ""}}, fsmPkg, "^TestStartLeaps"},
	{"nxNow", "9", []edit{{executorPkg + "/effectfree.go", "if r.saw == (BatchID{}) {", "if r.saw.Sequence+1 > 0 {"}}, executorPkg, "^TestHeldEvaluation"},
	{"nxNoLease", "9", []edit{{executorPkg + "/effectfree.go", "if e.cfg.Gate.Leased(ten.term) {", "if ten != nil {"}}, simPkg, "^TestCoreOldLeaderWithALease"},
	{"pendingNoLease", "9", []edit{{executorPkg + "/read.go", `		if err := e.pass(ctx, ten, mode); err != nil {
			return err
		}
		view := View{over: &e.overlay.slots[s], slot: e.store.Slot(s), now: e.clock.Now(), e: e, use: e.use.Load()}
`, `		view := View{over: &e.overlay.slots[s], slot: e.store.Slot(s), now: e.clock.Now(), e: e, use: e.use.Load()}
		if view.run(fn); view.saw == (BatchID{}) {
			if err := e.pass(ctx, ten, mode); err != nil {
				return err
			}
			view = View{over: &e.overlay.slots[s], slot: e.store.Slot(s), now: e.clock.Now(), e: e, use: e.use.Load()}
		}
`}}, simPkg, "^TestCoreReadOfAPendingValue"},
	{"showPending", "9", []edit{{executorPkg + "/read.go", "if view.saw != (BatchID{}) {", "if view.saw.Sequence > 1<<60 {"}}, executorPkg, "^TestHeldReadOfADropped"},
	{"releaseAny", "9", []edit{{executorPkg + "/batch.go", "return b.verdict == verdictApplied, false", "return true, false"}}, executorPkg, "^TestHeldReadOfADropped"},
	{"releaseAnyInExecutor", "9", []edit{{executorPkg + "/batch.go", "	e.requeue(b.readers)", `	for _, r := range b.readers {
		r.settle(nil)
	}`}}, simPkg, anySeed},
	{"noDMax", "10", []edit{{executorPkg + "/start.go", "e.serveAt = e.seenAt.Add(e.cfg.LeaseMax)", "e.serveAt = e.seenAt"}}, simPkg, "^TestCoreOldLeaderWithALease"},
	{"waitsOnce", "21", []edit{{executorPkg + "/run.go", "if e.seenTerm != term {", "if e.seenTerm == 0 {"}}, executorPkg, "^TestWaitForLeasesOfOthers"},
	{"noRecheck", "11", []edit{{executorPkg + "/read.go", "		if e.tenure.Load() != ten {\n			continue", "		if ten == nil {\n			continue"}}, executorPkg, "^TestReadThatBeganBeforeADrop"},
	{"relResume", "20", []edit{{executorPkg + "/note.go", `		if e.phase == phaseDraining || e.phase == phaseReleasing {
			e.drop()
`, `		if e.phase == phaseDraining || e.phase == phaseReleasing {
			e.phase = phaseServing
			e.tenure.Store(&tenure{term: e.term, incarnation: e.inc})
`}}, simPkg, "^TestCoreLeaderThatResumes"},
	{"relLeaseKept", "20", []edit{{executorPkg + "/release.go", "	e.endTenure() // reads", "	// reads"}}, simPkg, "^TestCoreLeaderThatReleased"},
	{"relSticky", "20", []edit{{fsmFile, "	state.Released = false\n	switch header.Kind {", "	switch header.Kind {"}, {fsmFile, "	state.Released = false\n	f.setState(state)\n", "	f.setState(state)\n"}}, simPkg, "^TestCoreReleaseCounts"},
	{"relBeforeWait", "20", []edit{{executorPkg + "/release.go", "if e.phase != phaseServing || e.tenure.Load() == nil {", "if !e.incarnate() {"}}, simPkg, "^TestCoreOnlyALeader"},
	{"relNotInSnapshot", "20", []edit{{snapshotFile, "Released: header.Released, ", ""}}, fsmPkg, "^TestEveryFieldOfTheState"},
	{"expiredSeenAgain", "9, 30", []edit{{executorPkg + "/read.go", "if len(view.expired) > 0 {", "if len(view.expired) > 1<<30 {"}}, executorPkg, "^TestReadOfAnExpiredKeyWaits"},
	{"expiryNotReplicated", "9, 30", []edit{{executorPkg + "/tx.go", "		tx.delete(key, entry.ReasonExpire)\n", ""}}, executorPkg, "^TestEvaluationThatFindsAKeyExpired"},
	{"nilMeansApplied", "26", []edit{{executorPkg + "/propose.go", `		if err == nil {
			continue
		}`, `		if err == nil {
			e.mu.Lock()
			b := e.findLocked(f.batch)
			if b != nil {
				e.removeLocked(b, verdictApplied)
			}
			e.mu.Unlock()
			if b != nil {
				e.finish(b)
			}
			continue
		}`}}, executorPkg, "^TestOutcomeFollows"},
	{"endMeansNot", "26", []edit{{executorPkg + "/run.go", "e.removeLocked(b, verdictUnknown)", "e.removeLocked(b, verdictNotApplied)"}}, executorPkg, "^TestOutcomeFollows"},
	{"snapshotMeansNot", "26", []edit{{executorPkg + "/applied.go", "v := verdictUnknown", "v := verdictNotApplied"}}, executorPkg, "^TestOutcomeFollows"},
	{"dropForgetsWaiters", "26", []edit{{executorPkg + "/run.go", "if !b.proposed {", "if b != nil {"}}, simPkg, anySeed},
	{"startAgainAfterSilence", "27", []edit{{executorPkg + "/run.go", "case phaseRestart:", "case phaseRestart, phaseStarting:"}}, executorPkg, "^TestStartIsProposedOnce"},
	{"readsBeforeStart", "27", []edit{{executorPkg + "/start.go", "	e.phase = phaseStarting\n", "	e.phase = phaseStarting\n	e.tenure.Store(&tenure{term: e.term, incarnation: e.inc})\n"}}, executorPkg, "^TestStartIsProposedOnce"},
	{"dropNotInOverlay", "22", []edit{{executorPkg + "/tx.go", "			over.drop(batch, sl.LenLocked())\n", ""}}, executorPkg, "^TestFlushIsSeen"},
	{"expiryLostInASet", "22", []edit{{"raftfsm/entry/builder.go", "effects[last].ExpireAt, effects[last].Version = e.ExpireAt, e.Version", "effects[last].Version = e.Version"}}, "raftfsm/entry", "^TestComposedBatchEquals"},
	{"dropKeepsWhatWasBefore", "22", []edit{{"raftfsm/entry/builder.go", "if e := &section.effects[j]; e.Kind != 0 && e.Kind != EffectDone {", "if e := &section.effects[j]; e.Kind == EffectDel {"}}, "raftfsm/entry", "^TestComposedBatchEquals"},
	{"readsWhatItDoesNotOwn", "24", []edit{{executorPkg + "/read.go", " || v.over != nil && !served(v.slot, v.over) {", " {"}}, executorPkg, "^TestSlotThatIsNotOwned"},
	{"writesWhatItDoesNotOwn", "24", []edit{{executorPkg + "/evaluate.go", "	ok := served(sl, &e.overlay.slots[r.Slot])\n", "	ok := true\n"}}, executorPkg, "^TestSlotThatIsNotOwned"},
	{"spinOnEndedIncarnation", "25", []edit{{executorPkg + "/evaluate.go", "if e.tenure.Load() != ten { // what", "if ten == nil { // what"}}, executorPkg, "^TestEffectFreeRequestDoesNotSpin"},
	{"skipKeepsServing", "25", []edit{{executorPkg + "/applied.go", "	e.endTenureOf(id.Incarnation)\n", ""}}, executorPkg, "^TestEffectFreeRequestDoesNotSpin"},
	{"clearedBeforeStored", "5", []edit{{fsmFile, `	sl := f.store.Slot(id)
	f.lock(sl)
	defer sl.Unlock()
	f.mustBeServed(header, sl, id, section)
	if drop {`, `	sl := f.store.Slot(id)
	if section != nil {
		sl.Lock()
		f.listener.SectionAppliedLocked(header, section)
		sl.Unlock()
	}
	sl.Lock()
	defer sl.Unlock()
	if drop {`}}, fsmPkg, "^TestListenerHearsOfEffects"},
	{"mgetTear", "25", []edit{{"raftfsm/results.go", "			sl.ApplyLocked(e)\n", "			sl.ApplyLocked(e)\n			sl.Unlock()\n			sl.Lock()\n"}}, executorPkg, "^TestReadersNeverSeeHalf"},
	{"mgetTearInOverlay", "25", []edit{{executorPkg + "/tx.go", "		case w.drop == nil:\n", "		case w.drop == nil:\n			sl.Unlock()\n			sl.Lock()\n"}}, executorPkg, "^TestReadersNeverSeeHalf"},
	{"readWithoutTheLock", "25", []edit{{executorPkg + "/read.go", "	fn(v)\n	return true", "	v.slot.RUnlock()\n	fn(v)\n	v.slot.RLock()\n	return true"}}, executorPkg, "^TestReadersNeverSeeHalf"},
	{"adoptEarly", "3", []edit{{executorPkg + "/append.go", "	if !e.appended.passes(index, h) ||", `	if h.Kind == entry.KindExecutorStart {
		_, body, _ := entry.DecodeHeader(record)
		s, _ := entry.DecodeExecutorStart(body)
		term, _ := e.cfg.Log.Leader()
		e.leave(note{started: &startedNote{start: s, term: term, state: raftfsm.State{Incarnation: index, Version: e.version + raftfsm.VersionGap}}})
	}
	if !e.appended.passes(index, h) ||`}, {executorPkg + "/append.go", "	\"github.com/holtcache/holt/raftfsm/entry\"", "	\"github.com/holtcache/holt/raftfsm\"\n	\"github.com/holtcache/holt/raftfsm/entry\""},
		{executorPkg + "/start.go", "if e.applied.Incarnation == e.inc {", "if e.inc != 0 {"}}, simPkg, anySeed},
	{"anyStartEndsNoWait", "20", []edit{{executorPkg + "/start.go", "	if s.afterRelease {", "	if !s.afterRelease || s.afterRelease {"}}, simPkg, "^TestCoreOldLeaderWithALease"},
	{"withdrawnIsEvaluated", "26", []edit{{executorPkg + "/request.go", "return r.state.CompareAndSwap(stateQueued, stateTaken) }", "return r.state.Swap(stateTaken) < stateSettled+100 }"}}, executorPkg, "^TestWithdrawalAndEvaluation"},
	{"asyncWithoutBound", "7", []edit{{executorPkg + "/append.go", "if b == nil || !e.asyncAllowedLocked() {", "if b == nil {"}}, executorPkg, "^TestAsyncWritesWait"},
	{"orderLostOnRequeue", "12", []edit{{executorPkg + "/queue.go", "return cmp.Compare(a.ticket, b.ticket)", "return 0 * cmp.Compare(a.ticket, b.ticket)"}}, executorPkg, "^TestRequestsThatAreEvaluatedAgain"},
	{"slotsGivenTwice", "24", []edit{{executorPkg + "/start.go", "if e.cfg.Slots != nil && !e.assigned {", "if e.cfg.Slots != nil && len(e.store.Owned()) == 0 {"}}, executorPkg, "^TestFirstSlotsAreGivenOnce"},
	{"versionsWithoutBound", "8", []edit{{executorPkg + "/evaluate.go", "if full || e.versions >= e.versionsMax {", "if full {"}}, executorPkg, "^TestBatchesAreClosed"},
	{"staleShowsPending", "9", []edit{{executorPkg + "/read.go", "	view := View{slot: e.store.Slot(s), now: e.clock.Now(), e: e, use: e.use.Load()}\n	for !view.run", "	view := View{over: &e.overlay.slots[s], slot: e.store.Slot(s), now: e.clock.Now(), e: e, use: e.use.Load()}\n	for !view.run"}}, executorPkg, "^TestStaleReads"},
	{"snapshotLeavesTheOverlay", "5", []edit{{executorPkg + "/applied.go", "	e.clearOverlay()\n	e.settleMemory()\n", "	e.settleMemory()\n"}}, executorPkg, "^TestSnapshotReplacesWhatIsPending$"},
	{"releaseDoesNotDrain", "20", []edit{{executorPkg + "/release.go", "	if left > 0 {\n", "	if left > 1<<30 {\n"}}, executorPkg, "^TestReleaseDrains"},
	{"cachesMissAChange", "tracking", []edit{{executorPkg + "/applied.go", "	if e.cfg.Observer != nil {\n		for i := range section.Effects {", "	if e.cfg.Observer != nil {\n		for i := range section.Effects[:len(section.Effects)/2] {"}}, respserverPkg, "^TestTrackedReadIsInvalidated"},
	{"cachesOutliveTheLeader", "tracking", []edit{{executorPkg + "/run.go", "		e.cfg.Observer.SlotsChanged(e.store.Owned())\n", "		_ = e.store\n"}}, respserverPkg, "^TestLostLeadershipInvalidates$"},
	{"damageNotFound", "2", []edit{{"raftfsm/snapshotframe.go", "; got != want {", "; got != want && length == 1<<30 {"}}, fsmPkg, "^TestDamagedSnapshot"},
	{"clockFollowsAnyStep", "30", []edit{{executorPkg + "/clock.go", "ahead >= 0 && ahead <= clockStepMax.Milliseconds():", "ahead >= 0:"}}, executorPkg, "^TestClockNeverGoesBack"},
	{"clockForgetsBatches", "30", []edit{{executorPkg + "/clock.go", "	c.floor = max(c.floor, batch-mono)\n", "	_ = mono\n"}}, executorPkg, "^TestClockGoesOn"},
}
