package shard

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/raftfsm"
)

// counted is a state machine of which only sizes are known.
type counted struct {
	keys
	unsaved uint64
	bytes   int64
}

func (c *counted) Unsaved() uint64         { return c.unsaved }
func (c *counted) UsedBytes() int64        { return c.bytes }
func (c *counted) Held() raftfsm.HeldStats { return raftfsm.HeldStats{} }

func TestSnapshotIsDueByBytesOfLogOrByARule(t *testing.T) {
	hour := []SaveRule{{Every: time.Hour, Changes: 1}}
	redis := []SaveRule{{time.Hour, 1}, {5 * time.Minute, 100}, {time.Minute, 10_000}}
	for _, c := range []struct {
		what    string
		log     uint64
		store   int64
		rules   []SaveRule
		unsaved uint64
		age     time.Duration
		want    bool
	}{
		{"nothing", 0, 0, nil, 0, time.Hour, false},
		{"a little log", 64<<20 - 1, 0, nil, 5, time.Hour, false},
		{"enough log for a small store", 64 << 20, 100 << 20, nil, 5, 0, true},
		{"the same for a large one", 64 << 20, 1 << 30, nil, 5, time.Hour, false},
		{"half of a large store", 512 << 20, 1 << 30, nil, 5, 0, true},
		{"an hour, nothing changed", 0, 0, hour, 0, time.Hour, false},
		{"an hour, one change", 0, 0, hour, 1, time.Hour, true},
		{"not yet an hour", 0, 0, hour, 1, time.Hour - time.Second, false},
		{"a rule of no changes asks for one", 0, 0, []SaveRule{{Every: time.Second}}, 0, time.Hour, false},
		{"the second rule", 0, 0, redis, 100, 5 * time.Minute, true},
		{"too few for the second rule", 0, 0, redis, 99, 5 * time.Minute, false},
		{"the third rule", 0, 0, redis, 10_000, time.Minute, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &member{keys: &counted{unsaved: c.unsaved, bytes: c.store}, opened: time.Now()}
			m.cfg.Snapshots = SnapshotPolicy{}.withDefaults()
			m.logBytes.Store(c.log + 100)
			m.snapAt.Store(100)
			if c.rules != nil {
				m.SetSaveRules(c.rules)
			}
			time.Sleep(c.age)
			if got := m.due(); got != c.want {
				t.Errorf("%s: due %v, want %v", c.what, got, c.want)
			}
			if m.saves.status.Last = time.Now(); c.rules != nil && m.due() {
				t.Errorf("%s: due although a snapshot was just taken", c.what)
			}
		})
	}
}
