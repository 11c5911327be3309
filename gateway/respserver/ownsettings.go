package respserver

import (
	"math"
	"strconv"
	"time"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/proto/apierr"
)

// ownSetting is a setting of this server alone, until it ends.
type ownSetting struct {
	name     string
	min, max int64
	get      func(*observer) int64
	set      func(*observer, int64)
}

// ownSettings are those of the slow log and of the latency events, in the units of Redis: microseconds, entries, milliseconds.
var ownSettings = []ownSetting{
	{
		"slowlog-log-slower-than", -1, math.MaxInt64,
		func(o *observer) int64 {
			if slower := o.slow.threshold(); slower >= 0 {
				return slower.Microseconds()
			}
			return -1
		},
		func(o *observer, n int64) { o.slow.setThreshold(atMost(n, time.Microsecond)) },
	},
	{
		"slowlog-max-len", 0, slowLogEntriesMax,
		func(o *observer) int64 { return int64(o.slow.capacity()) },
		func(o *observer, n int64) { o.slow.resize(int(n)) },
	},
	{
		"latency-monitor-threshold", 0, math.MaxInt64,
		func(o *observer) int64 { return o.events.threshold().Milliseconds() },
		func(o *observer, n int64) { o.events.setThreshold(atMost(n, time.Millisecond)) },
	},
}

// atMost is n units, or as long as there is.
func atMost(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(n, math.MaxInt64/int64(unit))) * unit
}

// own lists the settings of this server.
func (o *observer) settings() []Setting {
	list := make([]Setting, len(ownSettings))
	for i, s := range ownSettings {
		list[i] = Setting{s.name, strconv.FormatInt(s.get(o), 10)}
	}
	return list
}

// prepare checks a change of a setting of this server. apply, where it is one, does it.
func (o *observer) prepare(change Setting) (apply func(), err error) {
	for _, s := range ownSettings {
		if s.name != change.Name {
			continue
		}
		n, err := ops.ParseInt([]byte(change.Value))
		switch {
		case err != nil:
			return nil, apierr.New(apierr.KindInvalid, "argument couldn't be parsed into an integer")
		case n < s.min || n > s.max:
			return nil, apierr.New(apierr.KindInvalid, "argument must be between %d and %d inclusive", s.min, s.max)
		}
		return func() {
			s.set(o, n)
			o.setNotable()
		}, nil
	}
	return nil, nil
}
