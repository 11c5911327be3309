package resp

const (
	// valueBytesDefault is the default of --max-value-bytes.
	valueBytesDefault = 8 << 20
	// valueSlackBytes is how far a bulk may exceed the value limit, so that a value a little too large (APPEND, or a
	// client that forgot its own header) is refused by the command, with the connection usable afterwards.
	valueSlackBytes = 1 << 20

	// argsMaxDefault is Redis' limit up to version 6; an MSET of half a million keys is past any sensible batch.
	argsMaxDefault = 1 << 20
	// inlineBytesMaxDefault is Redis' PROTO_INLINE_MAX_SIZE.
	inlineBytesMaxDefault = 64 << 10
	// queryBufferBytesMaxDefault holds seven of the largest values, or the maximum of arguments at 54 bytes each. Redis'
	// 1 GiB would let 16 clients claim all memory of a 16 GiB machine, without a single complete command.
	queryBufferBytesMaxDefault = 64 << 20
	// queryBufferBulks is how many of the largest bulks a command may have where larger values are configured.
	queryBufferBulks = 2

	// Before AUTH, the three figures with which Redis fixed CVE-2021-32675: HELLO with AUTH and SETNAME has 7 arguments.
	unauthenticatedArgsMax         = 10
	unauthenticatedBulkBytesMax    = 16 << 10
	unauthenticatedBufferBytesMax  = 64 << 10
	unauthenticatedBulkInvalidOver = 512 << 20 // Redis' proto-max-bulk-len: from here the length itself is nonsense

	// limitBytesCeiling keeps offsets in 32 bits and sums of them in an int, whatever is configured.
	limitBytesCeiling = 1 << 30
)

// Limits of one connection. A field that is zero has its default.
type Limits struct {
	// ArgsMax is the most arguments of one command, its name included.
	ArgsMax int
	// BulkBytesMax is the longest argument. It is larger than the longest value: see valueSlackBytes.
	BulkBytesMax int
	// InlineBytesMax is the longest inline request, and the longest line with a length in it.
	InlineBytesMax int
	// QueryBufferBytesMax is the longest command, counted in bytes on the wire.
	QueryBufferBytesMax int

	// unauthenticated selects the error texts that Redis has for connections before AUTH.
	unauthenticated bool
}

// DefaultLimits are the limits of an authenticated connection with the default value limit.
func DefaultLimits() Limits { return LimitsForValues(valueBytesDefault) }

// LimitsForValues are the limits of an authenticated connection on a server whose values have up to valueBytesMax
// bytes.
func LimitsForValues(valueBytesMax int) Limits {
	bulk := min(valueBytesMax, limitBytesCeiling/queryBufferBulks-valueSlackBytes) + valueSlackBytes
	return Limits{
		ArgsMax:             argsMaxDefault,
		BulkBytesMax:        bulk,
		InlineBytesMax:      inlineBytesMaxDefault,
		QueryBufferBytesMax: max(queryBufferBytesMaxDefault, queryBufferBulks*bulk),
	}
}

// UnauthenticatedLimits are the limits of a connection that has yet to authenticate: enough for that, and nothing to
// fill memory with.
func UnauthenticatedLimits() Limits {
	return Limits{
		ArgsMax:             unauthenticatedArgsMax,
		BulkBytesMax:        unauthenticatedBulkBytesMax,
		InlineBytesMax:      inlineBytesMaxDefault,
		QueryBufferBytesMax: unauthenticatedBufferBytesMax,
		unauthenticated:     true,
	}
}

// withDefaults replaces what is not set, or is larger than offsets can be.
func (l Limits) withDefaults() Limits {
	def := DefaultLimits()
	or := func(value, def int) int {
		if value <= 0 {
			return def
		}
		return min(value, limitBytesCeiling)
	}
	l.ArgsMax = or(l.ArgsMax, def.ArgsMax)
	l.BulkBytesMax = or(l.BulkBytesMax, def.BulkBytesMax)
	l.InlineBytesMax = or(l.InlineBytesMax, def.InlineBytesMax)
	l.QueryBufferBytesMax = or(l.QueryBufferBytesMax, def.QueryBufferBytesMax)
	return l
}

// checkCount returns why a command may not have n arguments, or nil.
func (l *Limits) checkCount(n int64) *ProtocolError {
	switch {
	case n <= int64(l.ArgsMax):
		return nil
	case l.unauthenticated && n <= argsMaxDefault:
		return errUnauthenticatedCount
	}
	return errInvalidCount
}

// checkBulk returns why an argument may not have n bytes, or nil.
func (l *Limits) checkBulk(n int64) *ProtocolError {
	switch {
	case n >= 0 && n <= int64(l.BulkBytesMax):
		return nil
	case l.unauthenticated && n > 0 && n <= unauthenticatedBulkInvalidOver:
		return errUnauthenticatedBulk
	}
	return errInvalidBulk
}
