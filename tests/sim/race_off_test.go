//go:build !race

package sim

// coreRunsDefault is what takes about 20 s on two cores.
const coreRunsDefault = 600

// handRunsDefault likewise, for two groups.
const handRunsDefault = 100

// moveSeedsDefault likewise, for three groups of real raft.
const moveSeedsDefault = 3

// simSeedsDefault has each fsync policy, and a group that grows, twice.
const simSeedsDefault = 6

// leaderSeeds is how often each case of the loss of a leader happens.
const leaderSeeds = 4

// equalSeeds is how many seeds are run twice, to see that they do the same again.
const equalSeeds = 5
