package main

// controlBugs are defects of slots that change hands, at the executor.
var controlBugs = []bug{
	{"requestLargerThanAMessage", "15", []edit{{executorPkg + "/evaluate.go", "	return e.tx.checkSize()\n", "	return nil\n"}}, executorPkg, "^TestRequestThatIsTooLarge"},
	{"patchesGrowInTheBatch", "15", []edit{{executorPkg + "/evaluate.go", "	if e.tx.alone && e.open != nil {\n		e.seal()\n	}\n", ""}}, executorPkg, "^TestLargePatches"},
	{"writePastFreeze", "14", []edit{{executorPkg + "/evaluate.go", "ok := served(sl, &e.overlay.slots[r.Slot])", "ok := sl.StateLocked() == 1"}}, executorPkg, "^TestFreezeStopsReadsAndWrites"},
	{"freezeWritesOnly", "14", []edit{{executorPkg + "/read.go", "v.over != nil && !served(v.slot, v.over)", "v.slot.StateLocked() != store.SlotOwned"}}, executorPkg, "^TestReadThatLooksAfterTheFreeze"},
	{"freezeAtApply", "14", []edit{{executorPkg + "/control.go", "	if change != nil {\n", "	if change != nil && change.to == 0 {\n"}}, executorPkg, "^TestFreezeStopsReadsAndWrites"},
	{"freezeInFrontOfTheOpenBatch", "14", []edit{{executorPkg + "/control.go", "	if e.open != nil {\n		e.seal()\n	}\n", ""}}, executorPkg, "^TestWriteBeforeAFreeze|^TestControlRecordFollows"},
	{"freezeOutlivesItsIncarnation", "25", []edit{{executorPkg + "/start.go", "e.overlay.slots[i] = slotOverlay{}", "e.overlay.slots[i] = slotOverlay{change: e.overlay.slots[i].change}"}}, executorPkg, "^TestFreezeThatWasDropped"},
	{"lateFreezeStaysInTheOverlay", "17", []edit{{executorPkg + "/slotchange.go", "	if c.to != 0 {\n		e.end(c)\n", "	if c.to != 0 {\n"}}, executorPkg, "^TestFreezeThatChangesNothing"},
	{"driverEarly", "19", []edit{
		{executorPkg + "/control.go", "case e.closed || e.tenure.Load() == nil:", "case e.closed || !e.incarnate():"},
		{executorPkg + "/run.go", "	if e.phase != phaseServing {\n		e.refuseControls()", "	if e.phase == phaseWaiting {\n		for c := e.takeControl(); c != nil; c = e.takeControl() {\n			e.evaluateControl(c)\n		}\n		e.proposeSealed()\n	}\n	if e.phase == phaseIdle {\n		e.refuseControls()"},
	}, executorPkg, "^TestControlRecordIsProposedOnlyByALeaderThatServes"},
	{"verNotRaisedInExecutor", "18", []edit{{executorPkg + "/slotchange.go", "	e.version = max(e.version, n.version)\n", ""}}, executorPkg, "^TestSlotIsServedOnlyAfter"},
	{"servedBeforeVersionsAreRaised", "18", []edit{{executorPkg + "/slotchange.go", "	e.leave(note{activated:", "	e.end(c)\n	e.leave(note{activated:"}}, executorPkg, "^TestSlotIsServedOnlyAfter"},
	{"activatedWithoutTheFinalChunk", "16", []edit{{executorPkg + "/slotchange.go", "h.Side == raftfsm.SideTarget && h.Final {", "h.Side == raftfsm.SideTarget {"}}, executorPkg, "^TestActivationWaits"},
	{"servedBeforeActivation", "16", []edit{{executorPkg + "/standing.go", "	return sl.StateLocked() == store.SlotOwned && over.change == nil\n", "	state := sl.StateLocked()\n	return (state == store.SlotOwned || state == store.SlotImporting) && over.change == nil\n"}}, executorPkg, "^TestSlotIsServedOnlyAfter"},
	{"watchOutlivesAHandOver", "34", []edit{{executorPkg + "/slotchange.go", "	e.eachOverlay(n.change.ranges, func(o *slotOverlay) { o.deletions++ })\n", ""}}, executorPkg, "^TestActivationCounts"},
	{"controlIsEvaluatedAgain", "17", []edit{{executorPkg + "/run.go", "		e.finishControl(c, verdictNotApplied)\n", "		e.mu.Lock()\n		e.controls = append(e.controls, c)\n		c.state.Store(controlQueued)\n		e.mu.Unlock()\n"}, {executorPkg + "/run.go", "	e.refuseControls()\n	if again {", "	if again {"},
		{executorPkg + "/run.go", "	if e.phase != phaseServing {\n		e.refuseControls()", "	if e.phase == phaseIdle {\n		e.refuseControls()"}}, executorPkg, "^TestControlRecordIsNotEvaluatedAgain"},
	{"flushTakesWhatIsComing", "14", []edit{{executorPkg + "/tx.go", "if slots = tx.e.servedOf(slots); len(slots) > 0 {", "if len(slots) > 0 {"}}, executorPkg, "^TestFlushOfAllSlots"},
	{"flushWhileSlotsLeave", "14", []edit{{executorPkg + "/evaluate.go", "return e.refusalOfAll()", "return nil"}}, executorPkg, "^TestFlushOfAllSlots"},
	{"evictsWhatLeaves", "14", []edit{{executorPkg + "/victims.go", "found || !served(sl, over) {", "found || sl.StateLocked() != 1 {"}}, executorPkg, "^TestExpiryAndEvictionLeave"},
	{"tapHearsNoDrop", "DESIGN 7", []edit{{executorPkg + "/applied.go", "	e.tellTaps(s, func(t Tap) { t.DroppedLocked(s) })\n", ""}}, executorPkg, "^TestTapHears"},
	{"cachesOutliveAHandOver", "14", []edit{{executorPkg + "/handover.go", "if len(r) > 0 {", "if len(r) > slot.Count {"}}, executorPkg, "^TestObserversHear"},
	{"noDMaxAcrossAHandOver", "10", []edit{{executorPkg + "/start.go", "e.serveAt = e.seenAt.Add(e.cfg.LeaseMax)", "e.serveAt = e.seenAt"}}, simPkg, "^TestOldSourceLeaderWithALease"},
	{"nobodyIsAsked", "DESIGN 7", []edit{{executorPkg + "/handover.go", "		if h.Side == raftfsm.SideSource && contains(h.Ranges, s) {", "		if h.Side == raftfsm.SideTarget && contains(h.Ranges, s) {"}}, executorPkg, "^TestFreezeStops|^TestFrozenSlots"},
	{"writePastFreezeInTheSimulation", "14", []edit{{executorPkg + "/evaluate.go", "ok := served(sl, &e.overlay.slots[r.Slot])", "ok := sl.StateLocked() == 1"}}, simPkg, anyHandOver},
	{"verNotRaisedInTheSimulation", "18", []edit{{"raftfsm/applyhandover.go", "state.Version = max(state.Version, h.FinalVersion) + 1", "state.Version++"}}, simPkg, anyHandOver},
	{"lateBeginInTheSimulation", "17", []edit{{"raftfsm/applyhandover.go", "len(ranges) == 0 || migration <= highest {", "len(ranges) == 0 || migration < highest {"}}, simPkg, anyHandOver},
}

// anyHandOver is the random simulation of slots that change hands.
const anyHandOver = "^TestSlotsChangeHandsWithoutALossOverAnAdversarialLog$"
