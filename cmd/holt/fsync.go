package main

import "fmt"

// checkFsync refuses the policies that the log of today cannot keep: raft-boltdb writes its file in place, and without a
// sync a power cut can leave it unreadable, not merely a second short.
func checkFsync(policy string) error {
	switch policy {
	case "always":
		return nil
	case "everysec", "no":
		return fmt.Errorf("--appendfsync=%s: the log is kept by raft-boltdb, which can lose the whole file in a power cut without a sync at every write; use always", policy)
	}
	return fmt.Errorf("--appendfsync=%s: use always", policy)
}
