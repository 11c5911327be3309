package transport

import (
	"errors"
	"fmt"
	"strings"
)

// What can become of a call. Every error of this package wraps one of these or comes from raft at the other node.
var (
	ErrClosed        = errors.New("transport is closed")
	ErrUnreachable   = errors.New("node is unreachable")
	ErrTimeout       = errors.New("no reply in time")
	ErrBusy          = errors.New("queue is full")
	ErrUnknownGroup  = errors.New("group does not run on this node")
	ErrVoteGuard     = errors.New("replica neither votes nor campaigns until its log is known to be whole")
	ErrRetired       = errors.New("node is about to stop and does not stand for election")
	ErrLoading       = errors.New("node is loading its data and does not stand for election")
	ErrSuspended     = errors.New("group is suspended because its disk hangs")
	ErrNotClamped    = errors.New("commit index is beyond the entries of its message")
	ErrMalformed     = errors.New("malformed message")
	ErrFrameTooLarge = errors.New("frame is larger than the limit")
	ErrRefused       = errors.New("handshake refused")
)

// errorCode says on the wire which of the errors above a reply means. Values are never reused.
type errorCode byte

const (
	codeRaft errorCode = iota + 1 // raft at the other node answered with an error
	codeClosed
	codeBusy
	codeUnknownGroup
	codeVoteGuard
	codeSuspended
	codeNotClamped
	codeMalformed
	codeTimeout
	codeRetired
	codeLoading
)

var errorOfCode = map[errorCode]error{
	codeClosed:       ErrClosed,
	codeBusy:         ErrBusy,
	codeUnknownGroup: ErrUnknownGroup,
	codeVoteGuard:    ErrVoteGuard,
	codeSuspended:    ErrSuspended,
	codeNotClamped:   ErrNotClamped,
	codeMalformed:    ErrMalformed,
	codeTimeout:      ErrTimeout,
	codeRetired:      ErrRetired,
	codeLoading:      ErrLoading,
}

func codeOf(err error) errorCode {
	for code, known := range errorOfCode {
		if errors.Is(err, known) {
			return code
		}
	}
	return codeRaft
}

// RemoteError is an error that the other node answered with.
type RemoteError struct {
	Node string
	Text string
	kind error // one of the sentinels above; nil for an error of raft itself
}

func (e *RemoteError) Error() string { return fmt.Sprintf("node %s: %s", e.Node, e.Text) }

func (e *RemoteError) Unwrap() error { return e.kind }

// unexpectedCommand in an error text makes hashicorp/raft count a failed pre-vote as granted.
const unexpectedCommand = "unexpected command"

// remoteError rebuilds the error of a reply.
func remoteError(node string, code errorCode, text string) error {
	text = strings.ReplaceAll(text, unexpectedCommand, "command not understood")
	return &RemoteError{Node: node, Text: text, kind: errorOfCode[code]}
}

func unreachable(node string, why error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, node, why)
}
