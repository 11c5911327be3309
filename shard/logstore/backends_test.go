package logstore

import (
	"errors"
	"testing"
)

// backendKind is what a test of Log runs on.
type backendKind string

const (
	onBolt backendKind = "bolt"
	onWAL  backendKind = "wal"
)

func onEachBackend(t *testing.T, test func(*testing.T, backendKind)) {
	for _, on := range []backendKind{onBolt, onWAL} {
		t.Run(string(on), func(t *testing.T) { test(t, on) })
	}
}

// open opens a log of group 7 at cfg.Path, unless cfg has a backend.
func (k backendKind) open(cfg LogConfig) (*Log, error) {
	if k == onWAL && cfg.Backend == nil {
		backend, err := k.backend(cfg.Path)
		if err != nil {
			return nil, err
		}
		cfg.Backend = backend
	}
	return OpenLog(cfg)
}

func (k backendKind) backend(path string) (Backend, error) {
	if k == onBolt {
		return openBolt(path, "log of group 7, format 1", 7, nil)
	}
	wal, err := OpenWAL(WALConfig{Dir: path, Sync: SyncAlways, SegmentBytes: segmentBytesMin, Fatal: func(error) {}})
	if err != nil {
		return nil, err
	}
	group, err := wal.Group(7)
	return aloneWAL{group}, err
}

// aloneWAL closes the log of the node with that of its only group.
type aloneWAL struct{ *WALGroup }

func (a aloneWAL) Close() error { return errors.Join(a.WALGroup.Close(), a.wal.Close()) }
