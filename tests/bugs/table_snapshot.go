package main

// snapshotBugs make a replica start with something else than it had.
var snapshotBugs = []bug{
	{"snapshotCutByClose", "2", []edit{{"raftfsm/snapshotwrite.go", "	if err == nil && w.unfinished.Load() {", "	if err == nil && w.unfinished.Load() && written < 0 {"}}, fsmPkg, "^TestStoppedSnapshotFails$"},
	{"chunksInAnyPlace", "2", []edit{{"raftfsm/snapshotframe.go", "; number != r.number {", "; number == 1<<31 {"}}, fsmPkg, "^TestFramesInAnotherOrder"},
	{"slotsOfASnapshotForgotten", "24", []edit{{"raftfsm/snapshotwrite.go", "	k.w.states[id] = captured.State\n", ""}}, fsmPkg, "^TestLargeSlots"},
	{"stateOfASnapshotUnchecked", "29", []edit{{logstorePkg + "/snapfile.go", "		if r.sum == r.want {", "		if r.sum == r.want || r.left == 0 {"}}, logstorePkg, "^TestDamageAnywhere"},
	{"logForgetsTheOlderSnapshot", "29", []edit{{logstorePkg + "/truncate.go", "		to = min(to, l.kept)\n", ""}}, logstorePkg, "^TestLogGoesBackToTheOlderSnapshot$"},
	{"snapshotWithAHoleBehindIt", "29", []edit{{logstorePkg + "/snapshots.go", "	if err := s.log.covers(meta.Index); err != nil {", "	if err := s.log.covers(meta.Index); err != nil && meta.Index == 0 {"}}, logstorePkg, "^TestOlderSnapshotBeforeAHole"},
	{"damagedSnapshotPushesOutAGoodOne", "29", []edit{{logstorePkg + "/snapfolder.go", "slices.Delete(f.good, i, i+1)", "slices.Delete(f.good, i, i)"}}, logstorePkg, "^TestDamageAnywhere"},
	{"cutsWhatIsCommitted", "29", []edit{{logstorePkg + "/truncate.go", "		floor = max(floor, l.cfg.Floor())\n", "		_ = l.cfg.Floor()\n"}}, logstorePkg, "^TestTruncationAtOrBelowFloor"},
	{"sentSnapshotUnchecked", "29", []edit{{transportPkg + "/snapshot_receive.go", "if err == io.EOF && r.sum != r.want {", "if err == io.EOF && r.sum != r.want && r.file == nil {"}}, transportPkg, "^TestDamagedSpoolFile"},
	{"failedSyncOfASnapshotCounts", "29", []edit{{logstorePkg + "/snapsink.go", "		err = s.file.Sync()", "		_ = s.file.Sync()"}}, logstorePkg, "^TestFailedSnapshotChangesNothing$"},
}
