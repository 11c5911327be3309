// Package pace has client libraries send requests at a fixed rate.
//
// The clients are go-redis and rueidis for clusters with the options that they have by themselves, so they follow
// redirections and repeat what they see fit; what they return to their caller counts. A request is due at a moment of the
// clock, whatever became of those before it, and its latency counts from there: nothing hides behind a pause. Requests go to
// a number of slots in turn, so that a slot that is not served shows as a gap between its answers. Afterwards every
// counter and every appended text has to hold each acknowledged write once.
package pace
