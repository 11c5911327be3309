package logstore

import (
	"errors"
	"fmt"
)

// SyncPolicy says when an appended entry is fsynced. Terms and votes are fsynced under every policy.
type SyncPolicy uint8

// The zero SyncPolicy means "not set".
const (
	// SyncAlways acknowledges an entry after its fsync.
	SyncAlways SyncPolicy = iota + 1
	// SyncEverySec acknowledges an entry after its write and fsyncs once a second.
	SyncEverySec
	// SyncNo acknowledges an entry after its write and leaves the fsync to the kernel.
	SyncNo
)

// ErrSyncPolicy is the error of a policy that the log on disk cannot honour.
var ErrSyncPolicy = errors.New("sync policy not available")

// String returns the word that --appendfsync uses for p.
func (p SyncPolicy) String() string {
	switch p {
	case 0:
		return "not set"
	case SyncAlways:
		return "always"
	case SyncEverySec:
		return "everysec"
	case SyncNo:
		return "no"
	default:
		return fmt.Sprintf("SyncPolicy(%d)", uint8(p))
	}
}

// ParseSyncPolicy reads a value of --appendfsync.
func ParseSyncPolicy(word string) (SyncPolicy, error) {
	for _, p := range []SyncPolicy{SyncAlways, SyncEverySec, SyncNo} {
		if p.String() == word {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%w: %q is unknown; use always, everysec or no", ErrSyncPolicy, word)
}

// OnBolt reports whether a log in a raft-boltdb file can honour p.
func (p SyncPolicy) OnBolt() error {
	switch p {
	case SyncAlways:
		return nil
	case SyncEverySec, SyncNo:
		return fmt.Errorf("%w: %s: raft-boltdb without sync can lose the whole file in a power cut, not only its last"+
			" second; use always, or the write-ahead log", ErrSyncPolicy, p)
	default:
		return fmt.Errorf("%w: %s; use always", ErrSyncPolicy, p)
	}
}
