package main

// The places.
const (
	storePkg    = "raftfsm/store"
	stampsFile  = "shard/stamps.go"
	takenStamps = storePkg + "/stamps_apply.go"
)

// stampBugs are of what makes a new leader evict as the one before it did: access stamps that are carried, between stores
// that place keys alike. Nothing but the hit ratio would show them.
var stampBugs = []bug{
	{"storeWithoutTheSeed", "DESIGN 5", []edit{{"shard/host/host.go", ", HashSeed: h.cfg.Folder.HashSeed(),", ","}}, "shard/host", "^TestHashSeedOfTheCluster"},
	{"seedInTheDigest", "DESIGN 1.4", []edit{{storePkg + "/digest.go", "hash64(digestSeed, key)", "hash64(sl.store.seed, key)"}}, storePkg, "^TestStampsFollowThePolicyAndStayOutOfTheDigest$"},
	{"stampsOfAnOldLeader", "DESIGN 5", []edit{{stampsFile, " || term != got.Term {", " {"}}, "shard", "^TestFollowerTakesStampsOfItsLeaderOnly$"},
	{"stampsOfAnotherPolicy", "DESIGN 5", []edit{{takenStamps, "if StampKind(portion[0]) != kind {", "if kind == 0 {"}}, storePkg, "Stamps"},
	{"stampsTakenWhileConverted", "DESIGN 5", []edit{{stampsFile, "if !settled || !needed ||", "if !settled && !needed ||"}}, "shard", "^TestNoStampsAreCarried"},
	{"stampsSentWhileConverted", "DESIGN 5", []edit{{"shard/stampsend.go", "!settled || current != policy {", "!settled && current != policy {"}}, "shard", "^TestNoStampsAreCarried"},
	{"stampsAheadOfTheClock", "DESIGN 5", []edit{{takenStamps, "		a.base = a.now\n", ""}}, storePkg, "Stamps"},
	{"stampsMissedForGood", "DESIGN 5", []edit{{"shard/stampsend.go", "c.reached[id], c.missed = true, true", "c.reached[id] = true"}}, "shard", "^TestFollowerThatMissed|^TestReplicaThatJoins"},
}
