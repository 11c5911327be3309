package respserver

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

func TestHotKeysAreFoundAmongManyOthers(t *testing.T) {
	const seed = 5
	random := rand.New(rand.NewPCG(seed, seed))
	var h hotKeys
	begin := time.Unix(1000, 0)
	// 1000 samples a second for a minute: one in ten is hot, one in forty warm, the rest is spread over 100,000 keys.
	for i := range 60_000 {
		key := fmt.Sprint(random.IntN(100_000))
		switch {
		case i%10 == 0:
			key = "hot"
		case i%40 == 1:
			key = "warm"
		}
		h.add([]byte(key), begin.Add(time.Duration(i)*time.Millisecond))
	}
	top := h.top(2, begin.Add(time.Minute))
	if len(top) != 2 || top[0].Key != "hot" || top[1].Key != "warm" {
		t.Fatalf("got %+v (seed %d)", top, seed)
	}
	for i, want := range []float64{100 * hotSampleEvery, 25 * hotSampleEvery} {
		if got := top[i].Rate; got < 0.7*want || got-top[i].Error > 1.3*want {
			t.Errorf("%s: %.0f a second with an error up to %.0f, want %.0f (seed %d)", top[i].Key, got, top[i].Error, want, seed)
		}
	}
	if n := len(h.counts); n > hotKeysMax {
		t.Errorf("%d keys are counted, at most %d may be", n, hotKeysMax)
	}
	if top := h.top(9, begin.Add(time.Hour)); len(top) != 0 {
		t.Errorf("an hour later: %+v", top)
	}
}

func TestHotKeysOfConnectionsAreSampled(t *testing.T) {
	f := start(t, fixtureConfig{})
	c := f.dial()
	eventually(t, "the key is hot", func() bool {
		for range 64 {
			c.want("GET hot", "(nil)")
		}
		top := f.server.HotKeys(3)
		return len(top) == 1 && top[0].Key == "hot" && top[0].Rate > 0
	})
}

// Where all keys are used alike, none is shown as hot.
func TestNoKeyIsHotAmongEquals(t *testing.T) {
	var h hotKeys
	begin := time.Unix(1000, 0)
	for i := range 20_000 {
		h.add([]byte(fmt.Sprint(i%5000)), begin.Add(time.Duration(i)*time.Millisecond))
	}
	if top := h.top(10, begin.Add(20*time.Second)); len(top) != 0 {
		t.Errorf("got %+v", top)
	}
}
