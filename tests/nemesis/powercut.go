package nemesis

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// PowerCut switches machines off, all at once, and on again. What was not synced is lost.
type PowerCut struct {
	Machines []*Machine
	// Kill ends what runs on the machines and returns when it is gone.
	Kill func()
	// Torn, where set, draws pages that reach the disk although nobody has synced them: a kernel may write any page at any
	// time, and in any order.
	Torn *rand.Rand

	lost error
}

var _ Fault = (*PowerCut)(nil)

func (c *PowerCut) Name() string {
	if c.Torn != nil {
		return fmt.Sprintf("power cut of %d machines in the middle of writing back", len(c.Machines))
	}
	return fmt.Sprintf("power cut of %d machines", len(c.Machines))
}

func (c *PowerCut) Missing() error { return missingMachine() }

// Begin switches off. Between the end of the processes and that of the disks nothing is written.
func (c *PowerCut) Begin() error {
	for _, m := range c.Machines {
		if err := os.WriteFile(filepath.Join(m.Dir, lostFile), []byte(m.probe()), 0o600); err != nil {
			return err
		}
	}
	c.Kill()
	return c.each(func(m *Machine) error {
		how := shutdownNow
		if c.Torn != nil {
			if err := m.writeBack(c.draw); err != nil {
				return err
			}
			how = shutdownLog
		}
		return errors.Join(m.shutDown(how), m.detach())
	})
}

var drawing sync.Mutex // protects the source of PowerCut.Torn, which several machines draw from

func (c *PowerCut) draw() bool {
	drawing.Lock()
	defer drawing.Unlock()
	return c.Torn.IntN(2) == 0
}

// End switches on again: the journal is replayed, and the kernel counts another boot.
func (c *PowerCut) End() error {
	c.lost = nil
	return c.each(func(m *Machine) error {
		if err := m.attach(); err != nil {
			return err
		}
		if err := m.lost(); err != nil {
			drawing.Lock()
			c.lost = errors.Join(c.lost, err)
			drawing.Unlock()
		}
		m.cuts++
		return m.boot()
	})
}

func (c *PowerCut) TookEffect() error {
	if len(c.Machines) == 0 {
		return errors.New("no machine was switched off")
	}
	return c.lost
}

// each does the same to all machines, at once.
func (c *PowerCut) each(do func(*Machine) error) error {
	errs := make([]error, len(c.Machines))
	var wg sync.WaitGroup
	for i, m := range c.Machines {
		wg.Go(func() { errs[i] = do(m) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

const pageBytes = 4096

// writeBack writes some pages of all files to the disk.
func (m *Machine) writeBack(draw func() bool) error {
	return filepath.WalkDir(m.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || entry.Name() == lostFile {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		const now = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
		for at := int64(0); at < info.Size(); at += pageBytes {
			if !draw() {
				continue
			}
			if err := unix.SyncFileRange(int(file.Fd()), at, pageBytes, now); err != nil {
				return fmt.Errorf("write a page of %s back: %w", path, err)
			}
		}
		return nil
	})
}
