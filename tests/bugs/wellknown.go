package main

// wellKnown are twenty mistakes that systems of this kind have been shipped with. Each is planted here, or cannot be yet.
var wellKnown = []struct {
	what string
	bugs []string
	why  string // there is no row
}{
	{"reads on the word of raft's State()", []string{"stateLeaderRead"}, ""},
	{"reads on the word of raft's VerifyLeader", []string{"verifyLeaderRead"}, ""},
	{"a lease that counts from the receipt of answers", []string{"leaseReceipt"}, ""},
	{"a new leader that does not wait for the old one's lease", []string{"noDMax", "noDMaxOverRaft"}, ""},
	{"a write repeated after leadership was lost", []string{"retryUnknownRESP", "retryUnknownGRPC"}, ""},
	{"what tells repeated writes apart is not in the snapshot", []string{"forgetSeqOnRestore"}, ""},
	{"what tells repeated writes apart does not move with a slot", []string{"doneNotCopied", "doneNotInAChunk"}, ""},
	{"the clock is read while applying", []string{"clockInApply"}, ""},
	{"a replica evicts by itself", []string{"evictOnAFollower", "evictWithoutTheLog"}, ""},
	{"only the gateway asks who owns a slot", []string{"readsWhatItDoesNotOwn", "writesWhatItDoesNotOwn"}, ""},
	{"keys are deleted before the new owner of their slot is decided", []string{"dropBeforeTheCommitPoint"}, ""},
	{"deletions are not streamed to the new owner of a slot", []string{"effectsNotStreamed", "emptyingNotStreamed"}, ""},
	{"no sync before the acknowledgement", []string{"alwaysWithoutSync"}, ""},
	{"a vote is not synced", []string{"voteWithoutSync", "voteInTwoSteps"}, ""},
	{"no guard for who may have forgotten entries", []string{"noGuardAfterReboot"}, ""},
	{"an error of a sync is ignored", []string{"failedSyncTriedAgain", "failedSyncIgnored"}, ""},
	{"a snapshot counts before its folder is synced", []string{"snapshotFolderWithoutSync"}, ""},
	{"entries are applied again", []string{"appliedTwice"}, ""},
	{"ASKING holds for more than one command", []string{"askingLasts"}, ""},
	{"replies pile up without a bound", []string{"noOutputBound"}, ""},
}
