// Package placement plans which node gets what: replicas, leaders, slots.
//
// The plans are pure functions: nodes and groups as they are in, what to do out. The Controller carries them out. One
// runs on every node, and only that on the leader of the meta group acts. It remembers nothing but what has failed of
// late: each round looks at the cluster as it is and takes the next step, so any round may be the last of one controller
// and the next the first of another. Every action names what it found, so a controller that was paused and has been
// replaced is refused.
//
// Goroutines: Run is one, owned by its caller; the package starts none.
package placement
