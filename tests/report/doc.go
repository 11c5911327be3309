// Package report keeps what a run of the robustness tests left behind.
//
// A run has a folder of its own: the history, its timeline as one page without anything beside it, the expanded options,
// the command that replays it, the verdict, the logs of the nodes and, where it failed, their data folders.
package report
