package meta

import (
	"strconv"
	"strings"

	"github.com/holtcache/holt/proto/apierr"
)

// errBytesText has the text of Redis.
var errBytesText = apierr.New(apierr.KindInvalid, "argument must be a memory value")

// byteUnits are those of redis.conf.
var byteUnits = map[string]int64{
	"": 1, "b": 1, "k": 1000, "kb": 1 << 10, "m": 1000 * 1000, "mb": 1 << 20, "g": 1000 * 1000 * 1000, "gb": 1 << 30,
}

// ParseBytes reads an amount of memory as redis.conf has it: 100mb, 2gb, or bytes. It is at most an exabyte.
func ParseBytes(text string) (int64, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	unit, known := byteUnits[strings.ToLower(text[digits:])]
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || !known || n > memoryBytesMax/unit {
		return 0, errBytesText
	}
	return n * unit, nil
}
