package main

// The places.
const (
	clientPkg = "gateway/client"
	proxyPkg  = "gateway/proxy"
)

// sessionBugs let a request that carries an id, or goes through a gateway, apply twice, or forget that it was applied.
var sessionBugs = []bug{
	{"doneComposedAway", "22", []edit{{"raftfsm/entry/builder.go", "e.Kind != 0 && e.Kind != EffectDone {", "e.Kind != 0 {"}}, "raftfsm/entry", "^TestResultIsKept"},
	{"doneNotInTheSnapshot", "34", []edit{{"raftfsm/snapshotwrite.go", "	results, err := w.writeResults(header.TimeMs)\n", "	results, err := 0, error(nil)\n"}}, fsmPkg, "^TestResultsSurvive"},
	{"doneNotCaptured", "34", []edit{{"raftfsm/session/table.go", "	case r.generation < t.generation:\n", "	case r.generation > t.generation:\n"}}, fsmPkg, "^TestResultsSurvive"},
	{"doneNotInAChunk", "34", []edit{{takesFile, "	f.applyEffectsLocked(sl, p.Slot, p.Effects, now)\n", "	for i := range p.Effects {\n		sl.ApplyLocked(&p.Effects[i])\n	}\n	_ = now\n"}}, fsmPkg, "^TestResultsTravel"},
	{"doneNotCopied", "34", []edit{{"shard/migration/copy.go", "	return c.results(ctx, id)\n", "	return nil\n"}}, "shard/migration", "^TestCopyTakesResults"},
	{"doneGoesWithAFlush", "34", []edit{{fsmFile, "		f.listener.SlotDroppedLocked(header, id)\n", "		f.store.Sessions().DropLocked(id)\n		f.listener.SlotDroppedLocked(header, id)\n"}}, fsmPkg, "^TestResultsOutlive"},
	{"doneStaysWithoutTheSlot", "34", []edit{{handoverFile, "			if keys == dropKeys {\n				f.store", "			if keys > dropKeys {\n				f.store"}}, fsmPkg, "^TestResultsTravel"},
	{"doneOnlyInTheTable", "34", []edit{{executorPkg + "/repeat.go", "r.ID]; pending {", "r.ID]; pending && p.batch == (BatchID{}) {"}}, executorPkg, "^TestRetryOfARequestInFlight"},
	{"doneOutlivesADrop", "34", []edit{{executorPkg + "/start.go", "e.overlay.slots[i] = slotOverlay{}", "e.overlay.slots[i] = slotOverlay{done: e.overlay.slots[i].done}"}}, executorPkg, "^TestRetryOfADropped"},
	{"doneWithoutTheGate", "9", []edit{{executorPkg + "/evaluate.go", "	case !wrote:\n", "	case r.repeated && e.tx.saw == (BatchID{}):\n		r.settle(nil)\n	case !wrote:\n"}}, executorPkg, "^TestRetryOfAnApplied"},
	{"endOfAnIDUnchecked", "34", []edit{{executorPkg + "/repeat.go", "	case r.Until < now:\n", "	case r.Until < 0:\n"}}, executorPkg, "^TestIDThatHasEnded"},
	{"fullTableForgets", "34", []edit{{executorPkg + "/repeat.go", "	case e.store.Sessions().Full(len(r.Result)):\n", "	case e.store == nil:\n"}}, executorPkg, "^TestFullTable"},
	{"doneTwice", "34", []edit{{executorPkg + "/evaluate.go", "	if err == nil && r.Until != 0 && len(e.tx.writes) > 0 {\n", "	if err == nil && r.Until < 0 {\n"}}, simPkg, anySeed},
	{"resultsEndByAClock", "34", []edit{{executorPkg + "/forget.go", "sessions, now := e.store.Sessions(), e.appliedTime.Load()", "sessions, now := e.store.Sessions(), e.clock.Now()"}}, executorPkg, "^TestFullTableTells"},
	{"sweptUnderACapture", "34", []edit{{"raftfsm/session/table.go", "&results{done: slices.Clone(r.done)}", "&results{done: r.done}"}}, "raftfsm/session", "^TestSweepForgets"},
	{"idNotTaken", "34", []edit{{grpcserverPkg + "/serve.go", "ID: c.id, Until: c.until}", "ID: c.id}"}}, grpcserverPkg, "^TestWriteWithAnID"},
	{"repeatedAnswerLost", "34", []edit{{grpcserverPkg + "/serve.go", "	case op.Repeated:\n		return remembered(op.Result)\n", ""}}, grpcserverPkg, "^TestWriteWithAnID"},
	{"retryUnderANewID", "34", []edit{{clientPkg + "/call.go", "		RequestId: l.options.GetRequestId(), RequestIdUntilMs", "		RequestId: binary.BigEndian.AppendUint64([]byte(\"attempt!\"), l.c.sequence.Add(1)), RequestIdUntilMs"}}, clientPkg, "^TestAttemptsAtAWrite"},
	{"retryWithoutAnID", "34", []edit{{clientPkg + "/call.go", "return !l.writes || l.named", "return true"}}, clientPkg, "^TestWithoutIDs"},
	{"lostAttemptForgotten", "26", []edit{{clientPkg + "/failure.go", "		l.perhaps = true\n", ""}}, clientPkg, "^TestErrorsTell"},
	{"proxyRepeatsWrites", "26", []edit{{proxyPkg + "/flight.go", "	case op.ReadOnly || !s.sent:\n", "	case s.err != nil:\n"}}, proxyPkg, "^TestBrokenConnection"},
	{"proxyOvertakes", "12", []edit{{proxyPkg + "/flight.go", "if f.overtaken(i) {", "if f.overtaken(i) && i < 0 {"}}, proxyPkg, "^TestRedirectedWrite"},
	{"proxyForgetsTheWatch", "34", []edit{{proxyPkg + "/flight.go", "	if f.watched(submitted) {\n", "	if f.watched(submitted) && f.r.watching.over() {\n"}}, proxyPkg, "^TestWatched"},
}
