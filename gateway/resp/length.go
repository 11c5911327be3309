package resp

import "math"

// lengthDigitsMax is the number of digits of the largest int64.
const lengthDigitsMax = 19

// parseLength reads a decimal int64 as Redis' string2ll does: an optional minus, no plus, no space, no leading zero,
// no overflow.
func parseLength(b []byte) (n int64, ok bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) == 1 && b[0] == '0' {
		return 0, !negative
	}
	if len(b) == 0 || len(b) > lengthDigitsMax || b[0] == '0' {
		return 0, false
	}
	var u uint64 // 19 digits always fit
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	switch {
	case negative && u <= -math.MinInt64:
		return int64(-u), true
	case !negative && u <= math.MaxInt64:
		return int64(u), true
	}
	return 0, false
}
