package main

const migrationPkg = "shard/migration"

// migrationBugs are defects of those who drive a hand-over: the source's copy, the queue behind it, and what is done without a
// decision.
var migrationBugs = []bug{
	{"dropBeforeTheCommitPoint", "24", []edit{{migrationPkg + "/decide.go", "case v.phase == meta.MigrationCommitted && v.takes:", "case v.phase == meta.MigrationCommitted && v.takes || v.phase == meta.MigrationRunning && v.takes && v.side == raftfsm.SideSource:"}, {migrationPkg + "/decide.go", "	case v.phase == meta.MigrationRunning:\n", "	case v.phase == meta.MigrationRunning && (!v.takes || v.side == raftfsm.SideTarget):\n"}}, migrationPkg, "^TestNewLeaderOfTheSource|^TestNextAction"},
	{"metaBeforeReady", "16", []edit{{migrationPkg + "/decide.go", "	case v.final:\n", "	case v.takes:\n"}}, migrationPkg, "^TestNextAction"},
	{"unfreezeTimeout", "17", []edit{{migrationPkg + "/abort.go", "	return a.abort(ctx, reason)\n}\n\n// orTooFast", "	a.t.known = meta.MigrationAborted\n	return nil\n}\n\n// orTooFast"}}, migrationPkg, "^TestSlotsThatAreFrozenTooLong"},
	{"absentMeansAbort", "17", []edit{{migrationPkg + "/task.go", "	m, open := t.d.cfg.Meta.State().Migration(t.id)\n	if open && !m.Decided() && t.known != 0 {", "	m, open := t.d.cfg.Meta.State().Migration(t.id)\n	if !open && t.progress.Stage != StageEnding {\n		m, open = meta.Migration{ID: t.id, From: t.progress.From, To: t.progress.To, Ranges: t.progress.Ranges, Phase: meta.MigrationAborted}, true\n	}\n	if open && !m.Decided() && t.known != 0 {"}}, migrationPkg, "^TestMigrationWithoutARecord"},
	{"freezeOnAnOldWord", "24", []edit{{migrationPkg + "/attempt.go", "	if err := a.confirm(ctx); err != nil {\n		return err\n	}\n", ""}}, migrationPkg, "^TestNothingIsFrozen"},
	{"effectsNotStreamed", "DESIGN 7", []edit{{migrationPkg + "/queue.go", "	q.appendLocked(&entry.Part{Slot: s, Effects: effects})\n", ""}}, migrationPkg, "^TestSlotThatChanges|^TestSlotsMoveForth"},
	{"armedBehindTheCopy", "DESIGN 7", []edit{{migrationPkg + "/copy.go", "	if !armed {\n		c.queue.armLocked(id)\n	}\n	next = ", "	defer func() {\n		if next == 0 {\n			c.queue.armLocked(id)\n		}\n	}()\n	next = "}}, migrationPkg, "^TestSlotThatChanges"},
	{"emptyingNotStreamed", "DESIGN 7", []edit{{migrationPkg + "/queue.go", "		q.appendLocked(&entry.Part{Slot: s, Drop: true})\n", ""}}, migrationPkg, "^TestEmptyingOfASlot"},
	{"finalChunkLosesTheRest", "15", []edit{{migrationPkg + "/queue.go", "	q.sealLocked()\n	last :=", "	q.open = nil\n	q.sealLocked()\n	last :="}}, migrationPkg, "^TestChangesBehind"},
	{"finalChunkOfAQueueGivenUp", "15", []edit{{migrationPkg + "/queue.go", "	if q.err != nil {\n		return q.err\n	}\n	q.sealLocked()\n", "	q.sealLocked()\n"}, {migrationPkg + "/queue.go", "	if q.err != nil {\n		return Chunk{}, false\n	}\n", ""}}, migrationPkg, "^TestQueueThatWasGivenUp"},
	{"changesBehindTheFinalChunk", "15", []edit{{migrationPkg + "/queue.go", "q.armed[s] && !q.ended && q.err == nil", "q.armed[s] && q.err == nil"}}, migrationPkg, "^TestChangesBehind"},
	{"attemptOfAnotherLeader", "15", []edit{{migrationPkg + "/driver.go", "!serving || !still || now != term {", "!serving {\n		_, _, _ = term, still, now"}}, migrationPkg, "^TestAttemptIsNamed"},
	{"attemptGoesOnWithoutItsChunks", "15", []edit{{migrationPkg + "/queue.go", "	if next < q.first || next > q.first+uint64(len(q.chunks)) {\n		return false, errForgotten\n	}\n	q.forgetLocked(next)\n", "	if next > q.first && next <= q.first+uint64(len(q.chunks)) {\n		q.forgetLocked(next)\n	}\n"}}, migrationPkg, "^TestStreamBegins"},
}
