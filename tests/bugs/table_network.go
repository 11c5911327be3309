package main

// networkBugs show when nodes are cut off from each other. Their tests are skipped, and so miss them, where the machine
// cannot make networks (tests/nemesis says what it needs).
var networkBugs = []bug{
	{"staleWithoutLeader", "DESIGN 4", []edit{{respserverPkg + "/read.go", "	replica, err := c.target(s, asked)\n	mode := c.readMode\n", `	replica, err := c.target(s, asked)
	if err != nil && err.Kind == apierr.KindClusterDown {
		if replica, here := c.server.cfg.Router.Stale(s); here {
			return replica, router.ReadStale, nil
		}
	}
	mode := c.readMode
`}}, clusterPkg, "^TestIsolatedLeaderIsReplacedAndAnswersNothingStale$"},
}
