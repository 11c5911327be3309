//go:build !race

package placement

// checksDefault is how many random cases each property of a plan is tried with.
const checksDefault = "100"
