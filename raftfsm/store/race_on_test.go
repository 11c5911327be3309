//go:build race

package store

// captureRounds is small under the race detector, which makes a round ten times as long and finds in each what it finds in the first.
const captureRounds = 10
