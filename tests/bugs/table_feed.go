package main

const feedPkg = "shard/feed"

// feedBugs are defects of what watchers are told.
var feedBugs = []bug{
	{"watchersSeeWhatWasFenced", "watch", []edit{{feedPkg + "/position.go", "	return r.header.Incarnation == p.Incarnation && r.header.Sequence == p.Sequence+1\n", "	return true\n"}}, feedPkg, "^TestReaderPassesOver"},
	{"nextLeaderBeginsWithNow", "watch", []edit{{feedPkg + "/open.go", "	// An index and its term are the same entry", "	p.Index, p.Done = f.log.Applied(), 0\n	// An index and its term are the same entry"}}, feedPkg, "^TestTokenGoesOn"},
	{"truncatedLogIsNoGap", "watch", []edit{{feedPkg + "/reader.go", "	if errors.Is(err, ErrGone) {\n", "	if errors.Is(err, ErrGone) {\n		r.at.Index = r.feed.log.First() - 1\n		return nil, nil\n"}}, feedPkg, "^TestReaderBehindTheLog"},
	{"tokenOfAnotherLogIsTaken", "watch", []edit{{feedPkg + "/open.go", "		if term != p.Term {", "		if term != p.Term && term == 0 {"}}, feedPkg, "^TestTokenOfAnotherLog"},
	{"changesBehindAnArrivalAreLost", "watch", []edit{{feedPkg + "/history.go", "			return m.At, true\n", "			at := m.At\n			at.Index, at.Sequence = at.Index+1, at.Sequence+1\n			return at, true\n"}}, feedPkg, "^TestSlotsThatLeft"},
	{"arrivalIsNoGap", "watch", []edit{{feedPkg + "/reader.go", "	case moved && m.To == 0 && r.sel.slots.meets(m.Ranges):", "	case moved && m.To == 0 && m.Migration == 0 && r.sel.slots.meets(m.Ranges):"}}, feedPkg, "^TestMovesThatAreNotKnown"},
	{"prefixWithoutEvictions", "watch", []edit{{feedPkg + "/reader.go", "e.Kind != entry.EffectDone && r.sel.wants(e.Key)", "e.Kind != entry.EffectDone && e.Reason != entry.ReasonEvict && r.sel.wants(e.Key)"}}, feedPkg, "^TestReaderShowsWhatItsSelection"},
	{"broadcastOutlivesTheLeader", "tracking", []edit{{respserverPkg + "/tracking.go", "		t.tellBroadcasts(nil)", "		_ = t.tellBroadcasts"}}, respserverPkg, "^TestBroadcastTellsOfAllKeys"},
}
