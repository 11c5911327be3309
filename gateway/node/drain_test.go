package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// A node waits for clients that go on asking it until they have looked at the slot map, and not for ever.
func TestNodeRedirectsUntilItsClientsHaveGone(t *testing.T) {
	for _, row := range []struct {
		name string
		asks time.Duration // until when a client asks, every 10 ms
		want time.Duration
	}{
		{"nobody asks", 0, drainMin},
		{"a client that looks at once", 100 * time.Millisecond, drainMin},
		{"a client that looks late", time.Second, time.Second + drainCalm},
		{"a client that never looks", time.Hour, drainMax},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				awaitCalm(t.Context(), func() uint64 { return uint64(min(time.Since(began), row.asks) / (10 * time.Millisecond)) })
				if got := time.Since(began); got < row.want || got > row.want+2*drainLook {
					t.Errorf("it took %v, want %v", got, row.want)
				}
			})
		})
	}
}

func TestNodeThatIsToEndAtOnceWaitsForNoClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		began := time.Now()
		awaitCalm(ctx, func() uint64 { return 0 })
		if got := time.Since(began); got > drainLook {
			t.Errorf("it took %v", got)
		}
	})
}
