package command

import (
	"math"

	"github.com/holtcache/holt/gateway/ops"
)

// ttlUnit says how a number means an expiry. The zero value means "not set".
type ttlUnit uint8

const (
	seconds          ttlUnit = iota + 1 // EX, from now
	milliseconds                        // PX, from now
	unixSeconds                         // EXAT, since the Unix epoch
	unixMilliseconds                    // PXAT, since the Unix epoch
)

// inSeconds tells whether the number counts seconds rather than milliseconds.
func (u ttlUnit) inSeconds() bool { return u == seconds || u == unixSeconds }

// expiry is the expiry that a number of milliseconds means.
func (u ttlUnit) expiry(ms int64) ops.Expiry {
	if u == unixSeconds || u == unixMilliseconds {
		return ops.At(ms)
	}
	return ops.In(ms)
}

// ttlOption is the expiry as SET and its relatives take it: positive. The last of several of one unit counts, and its
// number is looked at only after all options have been understood, as in Redis.
type ttlOption struct {
	unit ttlUnit
	text []byte
}

// take reads an option with its number from the front of options and tells how many arguments it is made of: 2, or 0
// where the first argument is no such option, lacks its number, or comes after one of another unit.
func (o *ttlOption) take(options [][]byte) int {
	var unit ttlUnit
	switch {
	case word(options[0], "EX"):
		unit = seconds
	case word(options[0], "PX"):
		unit = milliseconds
	case word(options[0], "EXAT"):
		unit = unixSeconds
	case word(options[0], "PXAT"):
		unit = unixMilliseconds
	}
	if unit == 0 || len(options) < 2 || o.unit != 0 && o.unit != unit {
		return 0
	}
	o.unit, o.text = unit, options[1]
	return 2
}

// expiry is what the option says, the zero Expiry where it was not given. Errors name the command.
func (o *ttlOption) expiry(command string) (ops.Expiry, error) {
	if o.unit == 0 {
		return ops.Expiry{}, nil
	}
	n, err := ops.ParseInt(o.text)
	if err != nil {
		return ops.Expiry{}, err
	}
	if n <= 0 || o.unit.inSeconds() && n > math.MaxInt64/1000 {
		return ops.Expiry{}, errExpiry(command)
	}
	if o.unit.inSeconds() {
		n *= 1000
	}
	return o.unit.expiry(n), nil
}
