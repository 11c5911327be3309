package main

// userBugs let somebody do what he may not.
var userBugs = []bug{
	{"userIsNotAsked", "users", []edit{{respserverPkg + "/access.go", "if d := c.user.Check(spec, args); d.Reason != 0 {", "if d := c.user.Check(spec, args); false {"}},
		respserverPkg, "^TestUsersMayDoWhatTheirRulesSay$"},
	{"execAsksNobody", "users", []edit{{respserverPkg + "/exec.go", "	c.recheck(t)\n", ""}},
		respserverPkg, "^TestChangesOfUsersHoldForOpenConnections$"},
	{"batchAsksForNothing", "users", []edit{{"gateway/grpcserver/access.go", "if err := s.mayCall(ctx, batchRequest(op)); err != nil {", "if err := s.mayCall(ctx, batchRequest(op)); false {"}},
		"gateway/grpcserver", "^TestCallsAreThoseOfUsersByToken$"},
	{"unknownUsersLetIn", "users", []edit{{nodePkg + "/users.go", "	case !found:\n		n.access.LetNobodyIn()\n", "	case !found:\n"}},
		nodePkg, "^TestUsersAreTheClustersAndOutliveARestart$"},
	{"changesOverwriteEachOther", "users", []edit{{metaPkg + "/user.go", "case changed != c.ExpectedEpoch:", "case false:"}},
		metaPkg, "^TestUserIsChangedOnlyFromWhatTheProposerSaw$"},
	{"clientsPassForNodes", "users", []edit{{"gateway/certs/server.go", "[]x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}", "[]x509.ExtKeyUsage{x509.ExtKeyUsageAny}"}},
		"gateway/certs", "^TestOnlyCertificatesOfNodesOpenTheClusterPort$"},
	{"sessionsOutliveTheAuthority", "users", []edit{{"gateway/certs/server.go", "if made == nil || n != number {", "if made == nil || n < number {"}},
		"gateway/certs", "^TestSessionsEndWithTheirAuthority$"},
	{"connectionsAreForAnyLogin", "users", []edit{{"gateway/proxy/pool.go", "key := laneKey{addr, s}", "key := laneKey{addr, Session{Proto: s.Proto, Ack: s.Ack, ReadMode: s.ReadMode, Lane: s.Lane}}"}},
		"gateway/proxy", "^TestClientsShareConnectionsOnlyWithTheirOwnLogin$"},
}
