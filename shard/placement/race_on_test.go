//go:build race

package placement

// checksDefault is small under the race detector: plans are made by one goroutine.
const checksDefault = "20"
