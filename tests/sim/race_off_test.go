//go:build !race

package sim

// coreRunsDefault is what takes about 20 s on two cores.
const coreRunsDefault = 600

// handRunsDefault likewise, for two groups.
const handRunsDefault = 100

// moveSeedsDefault likewise, for three groups of real raft.
const moveSeedsDefault = 3
