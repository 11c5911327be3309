package main

// The places.
const (
	respserverPkg = "gateway/respserver"
	grpcserverPkg = "gateway/grpcserver"
	stablePkg     = "shard/logstore"
)

// gatewayBugs are of the layer that answers clients, and of the store that votes stand in.
var gatewayBugs = []bug{
	{"pipeNoWait", "12", []edit{{respserverPkg + "/read.go", "if f := c.flightFor(replica); f.isOpen() {", "if f := c.flightFor(replica); f == nil {"}},
		respserverPkg, "^TestPipelinedReadsSeeTheWritesBeforeThem$"},
	{"watchMissing", "WATCH of Redis", []edit{{respserverPkg + "/watch.go", "	return mark{incarnation: incarnation, deletions: deletions}", "	_, _ = incarnation, deletions\n	return mark{}"}},
		respserverPkg, "^TestTransactions"},
	{"retryUnknownRESP", "26", []edit{{respserverPkg + "/entry.go", "return err.Kind == apierr.KindNotLeader || err.Kind == apierr.KindNotOwned", "return err.Kind == apierr.KindNotLeader || err.Kind == apierr.KindNotOwned || err.Kind == apierr.KindUnknownOutcome"}},
		respserverPkg, "^TestRefusedWriteIsNotRepeatedBehindALaterOne$"},
	{"retryUnknownGRPC", "26", []edit{{grpcserverPkg + "/forward.go", "	case c.reads:\n		return nil, again", "	case true:\n		return nil, again"}},
		grpcserverPkg, "^TestWriteWithUnknownOutcomeIsNeverRepeated$"},
	{"voteInTwoSteps", "raft #661", []edit{
		{stablePkg + "/group.go", "		defer g.mu.Unlock()\n		g.staged = value\n		return nil\n", `		g.staged = value
		g.mu.Unlock()
		return g.change("vote", func(b *ballot) error {
			b.voteTerm = value
			return nil
		})
`},
		{stablePkg + "/group.go", "if term < b.voteTerm || term == b.voteTerm && !bytes.Equal(b.candidate, candidate) {", "if term < b.voteTerm {"},
	}, stablePkg, "^TestCrashWhileVotingGivesNoVoteToTheOldCandidate$"},
}
