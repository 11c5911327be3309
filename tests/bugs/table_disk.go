package main

const (
	clusterPkg  = "tests/cluster"
	storageFile = "shard/host/storage.go"
	logstorePkg = "shard/logstore"
)

// diskBugs show when disks fail or lose their power. Tests with real processes are skipped, and so miss them, where the machine
// cannot make a disk fail (tests/nemesis says what it needs).
var diskBugs = []bug{
	{"alwaysWithoutSync", "DESIGN 6", []edit{{logstorePkg + "/walwrite.go", "	always := w.Sync() == SyncAlways\n", "	always := w.Sync() == SyncAlways && len(batch) < 0\n"}}, logstorePkg, "^TestWALAgreesWithModelThroughCrashes$|^TestWaitingGroupsShareOneSync$"},
	{"noGuardAfterReboot", "13", []edit{{logstorePkg + "/run.go", `(cfg.Boot == "" || cfg.Boot != s.boot)`, `cfg.Boot == ""`}}, logstorePkg, "^TestGuardIsOnExactlyWhen"},
	{"noGuardAfterTailCut", "23", []edit{{storageFile, "if cut, was := f.WAL.TailCut(); was {", "if cut, was := f.WAL.TailCut(); was && f.fresh {"}}, hostPkg, "^TestTornTailGuardsTheRun$"},
	{"noGuardAfterIOError", "23", []edit{{storageFile, "!errors.Is(err, logstore.ErrDamaged)", "errors.Is(err, logstore.ErrDamaged)"}}, hostPkg, "^TestFailedWriteGuardsTheNextRun"},
	{"failedSyncTriedAgain", "DESIGN 6", []edit{{logstorePkg + "/walfile_linux.go", `		if !errors.Is(err, unix.EINTR) {
			return &os.PathError{Op: "fdatasync"`, `		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EIO) {
			return &os.PathError{Op: "fdatasync"`}}, logstorePkg, "^TestFailedSyncIsNotTriedAgain$"},
	{"failedSyncIgnored", "DESIGN 6", []edit{{logstorePkg + "/walsync.go", "	if err := w.syncFile(file); err != nil {\n		return err\n	}\n", "	_ = w.syncFile(file)\n"}}, logstorePkg, "^TestFailedWriteOrSyncIsFinal$"},
	{"voteWithoutSync", "DESIGN 6", []edit{{logstorePkg + "/bolt.go", "		BoltOptions: &bbolt.Options{\n", "		NoSync: true,\n		BoltOptions: &bbolt.Options{\n"}}, clusterPkg, "^TestVoteOutlivesAPowerCut$"},
	{"snapshotFolderWithoutSync", "29", []edit{{logstorePkg + "/snapsink.go", "if err := syncDir(s.folder.dir); err != nil {", "if err := error(nil); err != nil {"}}, clusterPkg, "^TestSnapshotThatCounts"},
	{"damageCutOff", "DESIGN 6", []edit{{logstorePkg + "/walload.go", "c.segment.at(c.segment.end), c.ofSegment); found {", "c.segment.at(c.segment.end), c.ofSegment); found && batch < 0 {"}}, logstorePkg, "^TestFlippedBit"},
	{"noWatchdog", "DESIGN 6", []edit{{storageFile, "limit := stallElections * h.timings.Election", "limit := 1000 * stallElections * h.timings.Election"}}, hostPkg, "^TestWatchdogBarks"},
}
