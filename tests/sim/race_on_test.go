//go:build race

package sim

// coreRunsDefault is small under the race detector, which makes a run twenty times as long.
const coreRunsDefault = 20

// handRunsDefault likewise.
const handRunsDefault = 3

// moveSeedsDefault likewise, for three groups of real raft.
const moveSeedsDefault = 1

// simSeedsDefault has each fsync policy, and a group that grows, once.
const simSeedsDefault = 3

// leaderSeeds is how often each case of the loss of a leader happens.
const leaderSeeds = 1

// equalSeeds is how many seeds are run twice, to see that they do the same again.
const equalSeeds = 1
