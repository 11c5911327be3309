//go:build race

package sim

// coreRunsDefault is small under the race detector, which makes a run twenty times as long.
const coreRunsDefault = 20

// handRunsDefault likewise.
const handRunsDefault = 3

// moveSeedsDefault likewise, for three groups of real raft.
const moveSeedsDefault = 1
