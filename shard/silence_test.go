package shard

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A replica opens, and hears a leader or not. The look tells raft of each silence when it is as long as the timeout.
func TestSilenceIsNoticedAfterOneTimeoutAndOncePerTimeout(t *testing.T) {
	const ms = time.Millisecond
	always := func(time.Duration) bool { return true }
	runs := func(time.Duration) time.Duration { return 0 }
	standsUntil700 := func(next time.Duration) time.Duration { return max(0, 700*ms-next) }
	for name, c := range map[string]struct {
		heard   func(now time.Duration) time.Duration  // when the leader was heard last
		follows func(now time.Duration) bool           // whether this replica is a follower
		stands  func(next time.Duration) time.Duration // how long the process does not run before its next look
		want    []time.Duration
	}{
		"nobody is heard": {func(time.Duration) time.Duration { return -time.Hour }, always, runs, []time.Duration{300 * ms, 600 * ms, 900 * ms}},
		"the leader is":   {func(now time.Duration) time.Duration { return now - 150*ms }, always, runs, nil},
		"no more":         {func(now time.Duration) time.Duration { return min(now, 410*ms) }, always, runs, []time.Duration{710 * ms}},
		"now and then":    {func(now time.Duration) time.Duration { return now.Truncate(500 * ms) }, always, runs, []time.Duration{300 * ms, 800 * ms}},
		"it leads at first": {
			func(time.Duration) time.Duration { return 0 },
			func(now time.Duration) bool { return now > 600*ms }, runs, []time.Duration{900 * ms},
		},
		"this process stood, and the leader did not": {
			func(now time.Duration) time.Duration {
				if now <= 700*ms {
					return 100 * ms // the rest waits in the socket
				}
				return 710 * ms
			}, always, standsUntil700, nil,
		},
		"this process stood, and the leader is gone": {
			func(time.Duration) time.Duration { return 100 * ms }, always, standsUntil700, []time.Duration{720 * ms},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				s := &silence{timeout: 300 * ms, from: began, planned: began}
				var noticed []time.Duration
				for time.Since(began) < time.Second {
					now := time.Since(began)
					again, notice := s.look(time.Now(), began.Add(c.heard(now)), c.follows(now))
					if notice {
						noticed = append(noticed, now)
					}
					time.Sleep(again + c.stands(now+again))
				}
				if !slices.Equal(noticed, c.want) {
					t.Errorf("noticed after %v, want %v", noticed, c.want)
				}
			})
		})
	}
}
