package main

// The places.
const (
	hostPkg = "shard/host"
	metaPkg = "raftfsm/meta"
)

// settingBugs are of settings that change while the node runs.
var settingBugs = []bug{
	{"strongerUnsynced", "13", []edit{{stablePkg + "/walpolicy.go", "if p >= old {", "if p >= old || p > 0 {"}},
		stablePkg, "^TestStrongerPolicyIsInForceOnlyOnceEverythingIsSynced$"},
	{"policyAtHandOver", "13", []edit{{stablePkg + "/walwrite.go", "always := w.Sync() == SyncAlways", "always := w.cfg.Sync == SyncAlways"}},
		stablePkg, "^TestPolicyAtTheTimeOfTheWriteDecides$"},
	{"weakerUnrecorded", "13", []edit{{hostPkg + "/syncpolicy.go", "case p > now:", "case p < now:"}},
		hostPkg, "^TestWeakerPolicyIsWrittenDownBeforeTheLogGoesByIt$"},
	{"startsWeak", "13", []edit{{hostPkg + "/syncpolicy.go", "const firstSync = logstore.SyncAlways", "const firstSync = logstore.SyncNo"}},
		hostPkg, "^TestSettingsReachReplicasAndLogAtRunTimeAndAfterARestart$"},
	{"halfOfTheSettings", "settings", []edit{{metaPkg + "/changesetting.go", `		if settings, err = settings.with(change, len(v.shards) > 0); err != nil {
			return err
		}
`, `		if settings, err = settings.with(change, len(v.shards) > 0); err != nil {
			break
		}
`}}, metaPkg, "^TestSettingsOfOneCommandChangeTogetherOrNotAtAll$"},
	{"largestShare", "settings", []edit{{metaPkg + "/budget.go", "share < budget", "share > budget"}},
		metaPkg, "^TestBudgetOfAShardIsTheSmallestShareOfItsNodes$"},
}
