package crashstore

// fsyncOf says whose fsync it is.
type fsyncOf uint8

const (
	ofLog fsyncOf = iota + 1
	ofStable
)

// faults are what waits for a coming fsync. A count of 0 means that the fault is not armed.
type faults struct {
	failIn   uint64
	poisoned bool
	hangIn   uint64
	hang     chan struct{} // closed on release; every fsync waits for it once the hang began
	cutIn    uint64
	cut      chan struct{}
}

func (f *faults) disarm() {
	if f.hang != nil {
		select {
		case <-f.hang:
		default:
			close(f.hang)
		}
	}
	*f = faults{}
}

// FailSync makes the n-th fsync of the log from now (1 is the next) return ErrDisk, and all that follow. Only the
// log's: raft panics when its stable store fails, which ends a process, but would end the simulation here.
func (d *Disk) FailSync(n uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.failIn = n
}

// HangSync makes the n-th fsync from now, of log or stable store, hang, and all that follow, until release is called or
// the disk crashes. Call it in the bubble that uses the disk.
func (d *Disk) HangSync(n uint64) (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hang := make(chan struct{})
	d.faults.hangIn, d.faults.hang = n, hang
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.faults.hang == hang {
			d.faults.hangIn, d.faults.hang = 0, nil
			close(hang)
		}
	}
}

// CutPowerAfter lets n more fsyncs take effect, of log or stable store; at the next one the power goes and the
// returned channel is closed. Crash then decides about the unsynced records. Call it in the bubble that uses the disk.
func (d *Disk) CutPowerAfter(n uint64) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults.cutIn = n + 1
	d.faults.cut = make(chan struct{})
	return d.faults.cut
}

// fsync lets the armed faults happen. It returns nil if the disk is still there to take the write.
func (d *Disk) fsync(epoch uint64, of fsyncOf) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ghostLocked(epoch) {
		return ErrCrashed
	}
	f := &d.faults
	if due(&f.cutIn) {
		d.off = true
		close(f.cut)
		return ErrCrashed
	}
	if f.hangIn > 1 {
		f.hangIn--
	} else if hang := f.hang; hang != nil {
		d.mu.Unlock()
		<-hang
		d.mu.Lock()
		if d.ghostLocked(epoch) {
			return ErrCrashed
		}
	}
	if of == ofLog {
		if due(&f.failIn) {
			f.poisoned = true
		}
		if f.poisoned {
			return ErrDisk
		}
	}
	d.stats.Syncs++
	return nil
}

// due counts an armed fault down and reports whether its moment has come.
func due(count *uint64) bool {
	if *count == 0 {
		return false
	}
	*count--
	return *count == 0
}
