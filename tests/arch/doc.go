// Package arch holds the rules of the source tree, as tests that read the source.
//
// Each rule is a function from packages to violations. It runs on the tree, and on planted sources that break it.
package arch
