//go:build !race

package store

// captureRounds is how often the store is changed at random under a capture.
const captureRounds = 30
