package logstore

import "errors"

var (
	// ErrDamaged says that what a replica has on disk must not be used: it has diverged from its group, or the disk
	// gave back other bytes than were written. The replica is rebuilt as a new learner from an empty folder.
	ErrDamaged = errors.New("replica is damaged; clear its folder and add it again as a new learner")

	// ErrBadSnapshot says that a snapshot file is not what was written. An older one may do.
	ErrBadSnapshot = errors.New("snapshot file is damaged")

	// ErrFatal is the error of every write after a write error or a fatal truncation: the process must stop.
	ErrFatal = errors.New("log store stopped after a fatal error; restart the node")

	// ErrClosed is the error of a write after Close.
	ErrClosed = errors.New("log store is closed")
)

// fatalError marks an error after which the store accepts no further write.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

func asFatal(err error) (*fatalError, bool) {
	var f *fatalError
	ok := errors.As(err, &f)
	return f, ok
}
