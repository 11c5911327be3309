package main

import "strings"

// rule is a promise of the product that a defect can break.
type rule struct {
	// name is what rows call it: a number is that of the protocol's rule.
	name, says string
	// untried is why no row breaks it, "" where some do.
	untried string
}

// rules are all there are: each has a row, or says why not.
var rules = []rule{
	{"0", "no message lets a replica commit beyond the entries that the message carries or follows", ""},
	{"1", "a batch is applied if and only if it directly follows the one it was evaluated on", ""},
	{"2", "what decides that is in the snapshot, and no sequence number is used twice", ""},
	{"3", "an executor takes up its own start only, once it is applied, in the term it was proposed in", ""},
	{"4", "another start ends a running executor: its pending values and its readiness go together", ""},
	{"5", "a pending value goes when that very effect is in the store, and not a moment before", ""},
	{"6", "leadership that was lost while committing says nothing about the outcome", ""},
	{"7", "an async write is acknowledged when all before it are in the leader's log too, and not for ever without commits", ""},
	{"8", "no version is given out twice, not even one of a write that was lost", ""},
	{"9", "a reply without effects is a read: it passes the gate, and waits for the commit of what it saw", ""},
	{"10", "the gate is a lease, counted from when questions were sent, or a round of questions after the read; a new leader waits the longest lease", ""},
	{"11", "a read that began before a leadership ended is done again", ""},
	{"12", "on one connection a read sees the write before it, and order is kept", ""},
	{"13", "who may have forgotten entries in a power cut does not vote before it has what its leader had at first contact", ""},
	{"14", "handing a slot over: records of a shard are its executor's, reads and writes end with FREEZE", ""},
	{"15", "handing a slot over: chunks are taken in order, of one attempt", ""},
	{"16", "handing a slot over: the owner changes once the target holds everything, and the first decision stays", ""},
	{"17", "handing a slot over: both ends go by the recorded decision only", ""},
	{"18", "handing a slot over: versions go on rising", ""},
	{"19", "handing a slot over: only a leader that serves drives it", ""},
	{"20", "a lease is released by a leader that serves, which serves no more; only the start directly behind it need not wait", ""},
	{"21", "the longest lease never changes and is the same everywhere; leases are at most nine tenths of it; the wait is that of each term", ""},
	{"22", "effects on one key in one batch compose, and the emptying of a slot is one of them", ""},
	{"23", "the guard after lost entries works in both directions, also after errors of the disk, and ends for the longest log", ""},
	{"24", "the slots a shard begins with are given to it once, and ownership is part of its state", ""},
	{"25", "a reader sees a slot in one moment: what is owned, pending and stored; what ended meanwhile is looked at again", ""},
	{"26", "only the state machine says what became of a write; whatever is in doubt is told as unknown and never repeated", ""},
	{"27", "one start is outstanding, and nothing is evaluated, and nobody led, before it is time", ""},
	{"28", "a group begins once, and goes on without its majority only by the operator's plan", ""},
	{"29", "damage is found before it is used, and never cut off or counted as whole", ""},
	{"30", "time never goes back, and never leaps ahead with a wrong clock", ""},
	{"31", "leadership is confirmed by voters of the latest configuration, and nobody waits for a slow one", ""},
	{"32", "nothing waits in a ring: whatever closes answers whoever waits", ""},
	{"33", "the meta group grows by two voters at a time, which have caught up before", ""},
	{"34", "WATCH looks at pending changes, and commands on all keys come behind what their connection sent before", ""},
	{"DESIGN 1.4", "the leader alone decides what is evicted or expires, and equal logs make equal replicas", ""},
	{"DESIGN 3.3", "whoever comes behind a pending change sees it", ""},
	{"DESIGN 4", "a stale read is for those who ask for it", ""},
	{"DESIGN 5", "memory is bounded, by the policy that was asked for", ""},
	{"DESIGN 6", "acknowledged means synced under always, an error of the disk ends the node, and votes are synced always", ""},
	{"DESIGN 7", "the highest term says who leads, and plans count for the epoch that they were made for", ""},
	{"DESIGN 8", "a leader that is gone is replaced at once, by one candidate", ""},
	{"users", "whoever does something is asked whether he may, by the latest users that are known, and nobody may where none are", ""},
	{"scripts", "a script does what its user may do, in one slot, whole or not at all where it goes over a limit, and leaves nothing to the next", ""},
	{"members", "replicas come and go one change at a time, caught up before they vote; one that is gone says nothing and begins nothing", ""},
	{"nodes", "a node that is to leave goes on leaving when it starts again", ""},
	{"upgrade", "what an older program does not know stops it before it does harm, and only what it does not know", ""},
	{"ASKING", "a slot that is being handed over is asked for where it goes by those who were told so, for one command", ""},
	{"WAIT", "WAIT counts the replicas that hold the write", ""},
	{"tracking", "client-side caches hear of every change, and of every doubt", ""},
	{"settings", "settings of one command change together, and a shard's budget is the smallest share of its nodes", ""},
	{"raft #661", "a crash leaves the old vote or the new one, never the new term with the old candidate", ""},
}

// rulesOf lists the rules of a row.
func rulesOf(b bug) []string { return strings.Split(b.rule, ", ") }
