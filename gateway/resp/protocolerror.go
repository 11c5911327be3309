package resp

import (
	"fmt"
	"strconv"
)

// ProtocolError says what is wrong with the bytes of a connection. The server answers with [ProtocolError.Reply], then
// closes: where the next command begins is unknown.
type ProtocolError struct {
	Text string // such as "Protocol error: invalid bulk length"
}

func (e *ProtocolError) Error() string { return e.Text }

// Reply is the answer to the client, "-ERR Protocol error: ...".
func (e *ProtocolError) Reply() Value { return Err("ERR " + e.Text) }

// ErrCrossProtocol is the *ProtocolError for an inline request whose first word is POST or Host: - a web page that
// makes a browser send commands to this port. As Redis does, the server closes without a reply, which the page might
// use, and logs it. Test with errors.Is.
var ErrCrossProtocol = &ProtocolError{"Protocol error: HTTP request on a RESP port"}

// ErrTLSOnPlainPort is the *ProtocolError for a connection that begins like a TLS handshake, which usually has no line
// end to wait for. The other side does not understand a reply in RESP.
var ErrTLSOnPlainPort = &ProtocolError{"Protocol error: TLS handshake on a port without TLS"}

// The texts are those of Redis 7, networking.c, as far as Redis has the case.
var (
	errTooBigInline         = &ProtocolError{"Protocol error: too big inline request"}
	errUnbalancedQuotes     = &ProtocolError{"Protocol error: unbalanced quotes in request"}
	errTooBigCountLine      = &ProtocolError{"Protocol error: too big mbulk count string"}
	errInvalidCount         = &ProtocolError{"Protocol error: invalid multibulk length"}
	errUnauthenticatedCount = &ProtocolError{"Protocol error: unauthenticated multibulk length"}
	errTooBigBulkLine       = &ProtocolError{"Protocol error: too big bulk count string"}
	errInvalidBulk          = &ProtocolError{"Protocol error: invalid bulk length"}
	errUnauthenticatedBulk  = &ProtocolError{"Protocol error: unauthenticated bulk length"}
	errBulkNotEnded         = &ProtocolError{"Protocol error: expected CRLF after bulk"}
)

func errExpected(want, got byte) *ProtocolError {
	shown := string(rune(got))
	if got < ' ' || got > '~' {
		shown = fmt.Sprintf(`\x%02x`, got)
	}
	return &ProtocolError{"Protocol error: expected '" + string(rune(want)) + "', got '" + shown + "'"}
}

func errQueryBuffer(limitBytes int) *ProtocolError {
	return &ProtocolError{"Protocol error: command exceeds the query buffer limit of " + strconv.Itoa(limitBytes) + " bytes"}
}

func badReply(format string, args ...any) *ProtocolError {
	return &ProtocolError{"Protocol error in reply: " + fmt.Sprintf(format, args...)}
}
