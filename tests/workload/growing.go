package workload

import (
	"errors"
	"math"
	"math/rand/v2"

	"github.com/holtcache/holt/tests/model"
)

// idsMax is how many ids one list gets, so that reading it stays cheap.
const idsMax = 1500

func beginAppends(s *Session) { s.appends("list", s.linearizable()...) }

func (s *Session) appends(prefix string, modes ...Modes) {
	for shard, keys := range s.target.Keys {
		lane := Appenders("")
		lane.key = func(generation int) string { return keys(prefix, generation) }
		lane.opsMax, lane.unknownMax = idsMax, math.MaxInt
		s.crew(shard, lane, s.config.Clients, modes...)
	}
}

func judgeAppends(_ *Session, ops []model.Op, v *Verdict) error {
	return eachKey(ops, v, model.CheckAppends)
}

// eachKey judges the keys one by one.
func eachKey(ops []model.Op, v *Verdict, check func([]model.Op) error) error {
	var errs []error
	for _, history := range model.ByKey(ops) {
		errs = append(errs, check(history))
		v.Keys++
		v.Checked += len(history)
	}
	return errors.Join(errs...)
}

func beginCounters(s *Session) {
	for shard, keys := range s.target.Keys {
		s.crew(shard, endless(keys("counter", 0), counting), s.config.Clients, s.linearizable()...)
	}
}

// endless is a lane of one key.
func endless(key string, pick Pick) *Lane {
	lane := NewLane(func(int) string { return key }, pick)
	lane.opsMax, lane.unknownMax = math.MaxInt, math.MaxInt
	return lane
}

func counting(random *rand.Rand, _ string, _, _ int) model.Op {
	switch n := random.IntN(10); {
	case n < 4:
		return model.Op{Kind: model.Get}
	case n < 8:
		return model.Op{Kind: model.Incr}
	}
	return model.Op{Kind: model.Incr, Delta: 2 + random.Int64N(9)}
}

func judgeCounters(_ *Session, ops []model.Op, v *Verdict) error {
	return eachKey(ops, v, model.CheckCounter)
}

// beginStale lets clients count, and one more at each node read what its own replica holds.
func beginStale(s *Session) {
	for shard, keys := range s.target.Keys {
		key := keys("stale", 0)
		s.crew(shard, endless(key, counting), s.config.Clients, s.linearizable()...)
		look := endless(key, func(*rand.Rand, string, int, int) model.Op { return model.Op{Kind: model.Get} })
		for n := range s.target.RESP {
			s.Go(s.observer(n), look, s.config.Pause)
		}
	}
}

func judgeStale(_ *Session, ops []model.Op, v *Verdict) error {
	seen := 0
	for _, o := range ops {
		if o.Stale && o.Outcome == model.OK && o.Found {
			seen++
		}
	}
	if seen == 0 && v.Why == "" {
		v.Why = "no read at a replica has seen a write"
	}
	return errors.Join(eachKey(ops, v, model.CheckCounter), model.CheckStaleReads(ops))
}
