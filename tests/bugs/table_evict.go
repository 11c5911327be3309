package main

// The places.
const (
	evictFile   = executorPkg + "/evict.go"
	victimsFile = executorPkg + "/victims.go"
	// anyPolicy is random work on three replicas under each policy.
	anyPolicy = "^TestReplicasStayEqualWithinTheirBudgetUnderEveryPolicy$"
)

// evictBugs are of the eviction of keys when the memory is used up: DESIGN, section 1, promise 4, and section 5.
var evictBugs = []bug{
	{"evictOnAFollower", "DESIGN 1.4", []edit{{executorPkg + "/expiry.go", "			e.wantTrim()\n", `			if ev, limited := e.limit(); limited && e.tenure.Load() == nil && e.store.UsedBytes() > ev.BudgetBytes {
				for _, c := range e.store.Sample(nil, 5, e.random, false) {
					sl := e.store.Slot(c.Slot)
					sl.Lock()
					sl.ApplyLocked(&entry.Effect{Kind: entry.EffectDel, Key: c.Key})
					sl.Unlock()
				}
			}
			e.wantTrim()
`}, {executorPkg + "/expiry.go", "	\"github.com/holtcache/holt/proto/slot\"\n", "	\"github.com/holtcache/holt/proto/slot\"\n	\"github.com/holtcache/holt/raftfsm/entry\"\n"}},
		executorPkg, "^TestFollowerEvictsNothingByItself$"},
	{"evictWithoutTheLog", "DESIGN 1.4", []edit{{evictFile, "	e.builder.Add(v.slot, entry.Effect{Kind: entry.EffectDel, Reason: entry.ReasonEvict, Key: key, Version: e.version})\n",
		"	_ = entry.ReasonEvict\n"}}, executorPkg, "^TestEvictionIsReplicated"},
	{"evictedKeyIsSeen", "DESIGN 3.3", []edit{{evictFile, "	e.overlay.slots[v.slot].put(key, pending{deleted: true, batch: b.id})\n", "	_ = key\n"}}, executorPkg, "^TestEvictedKeyIsGone"},
	{"noEvictionBeforeWrites", "DESIGN 5", []edit{{evictFile, "|| need <= ev.BudgetBytes {", "|| need <= 2*ev.BudgetBytes {"}}, executorPkg, "^TestEvictionIsReplicated"},
	{"notEvaluatedBehindEvictions", "DESIGN 5", []edit{{evictFile, "		e.tx.reset(r, e.clock.Now())\n		if err := e.do(r); err != nil {\n			return before, false, err\n		}\n",
		"		if e.version > 1<<60 {\n			return before, false, e.do(r)\n		}\n		for i := range e.tx.writes {\n			e.tx.writes[i].effect.Version = e.tx.nextVersion()\n		}\n"}},
		executorPkg, "^TestRequestIsEvaluatedBehind"},
	{"oomAfterProposing", "DESIGN 5", []edit{{executorPkg + "/evaluate.go", "		before, wait, err = e.fit(r, before)\n	}\n", `		before, wait, err = e.fit(r, before)
		if err != nil && len(e.tx.writes) > 0 {
			e.enter(r)
		}
	}
`}}, executorPkg, "^TestWriteIsRefusedBeforeItIsProposed"},
	{"oomForWhatFrees", "DESIGN 5", []edit{{evictFile, "if !limited || d.growth <= 0 || !d.refusable ||", "if !limited ||"}}, executorPkg, "^TestWriteIsRefusedBeforeItIsProposed"},
	{"volatileEvictsPersistent", "DESIGN 5", []edit{{victimsFile, "e.store.Sample(v.sampled[:0], samples, e.random, ev.Policy.volatile())", "e.store.Sample(v.sampled[:0], samples, e.random, false)"},
		{victimsFile, "if !ok || ev.Policy.volatile() && item.ExpireAt == 0 || ", "if !ok || "}}, simPkg, anySeed},
	{"pendingKeyEvicted", "DESIGN 5", []edit{{victimsFile, "look(v.key); found || !served(sl, over)", "look(v.key); found && e.onTheirWay() && v.bytes > 0 || !served(sl, over)"}}, executorPkg, "^TestKeyWithAPendingChange"},
	{"evictionsOutliveTheirBatch", "1", []edit{{executorPkg + "/batch.go", "	e.memory.projected.Add(-b.growth)\n", "	if v == verdictApplied {\n		e.memory.projected.Add(-b.growth)\n	}\n"}}, executorPkg, anyPolicy},
	{"evictionVersionUsedTwice", "8", []edit{{evictFile, "		before = e.version\n		e.tx.reset", "		e.tx.reset"}, {evictFile, "		if err := e.do(r); err != nil {", "		e.version = before\n		if err := e.do(r); err != nil {"}},
		executorPkg, "^TestEvictionIsReplicated"},
	{"hugeValueEvictsAll", "DESIGN 5", []edit{{evictFile, " || d.holds > ev.BudgetBytes {", " {"}}, executorPkg, "^TestValueThatCanNeverFit"},
	{"noTrim", "DESIGN 5", []edit{{executorPkg + "/expiry.go", "			e.wantTrim()\n", ""}}, executorPkg, "^TestSmallerBudget"},
	{"evictionWithoutBound", "DESIGN 5", []edit{{evictFile, "if n >= limit || len(e.sealed) > 0 {", "if n >= 100*limit || len(e.sealed) > 0 {"}}, executorPkg, "^TestLargeValueEvictsMany"},
	{"oomWhilePending", "DESIGN 5", []edit{{evictFile, "case made == roomNone && e.onTheirWay():", "case made == roomNone && e.version == 0:"}}, executorPkg, "^TestWriteWaitsForPending"},
	{"readsLeaveNoStamp", "DESIGN 5", []edit{{executorPkg + "/access.go", "	if v.use == nil {\n		return v.slot.GetLocked", "	if v.now > 0 {\n		return v.slot.GetLocked"}}, executorPkg, "^TestPoliciesChoose|^TestUseIsNoted"},
	{"peekLeavesAStamp", "DESIGN 5", []edit{{executorPkg + "/access.go", "	v.use = nil\n", ""}}, executorPkg, "^TestUseIsNoted"},
	{"stampsMisread", "DESIGN 5", []edit{{executorPkg + "/access.go", "	if kind := to.Policy.stampKind(); e.store.StampKind() != kind {", "	if kind := to.Policy.stampKind(); e == nil {"}}, executorPkg, "^TestStampsAreConverted"},
	{"snapshotForgetsTheKindOfStamps", "DESIGN 5", []edit{{"raftfsm/snapshotread.go", "	l.store.SetStampKind(store.StampKind(header.StampKind))\n", ""}}, "raftfsm", "^TestSnapshotTellsHowItsStampsAreRead"},
}
