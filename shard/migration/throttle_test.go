package migration

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestCopyingKeepsToTheRateAndFollowsItsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rate := int64(1 << 20)
		th := throttle{rate: func() int64 { return rate }}
		pass := func(portions int) time.Duration {
			began := time.Now()
			for range portions {
				if err := th.wait(t.Context(), 64<<10); err != nil {
					t.Fatal(err)
				}
			}
			return time.Since(began)
		}
		if took := pass(160); took < 9900*time.Millisecond || took > 10*time.Second {
			t.Errorf("10 MiB at 1 MiB/s took %v", took)
		}
		rate = 10 << 20
		time.Sleep(time.Minute) // what is not used is lost
		if took := pass(160); took < 900*time.Millisecond || took > time.Second {
			t.Errorf("10 MiB at 10 MiB/s took %v", took)
		}
		if rate = 0; pass(1600) != 0 {
			t.Error("copying without a limit waits")
		}
	})
}
