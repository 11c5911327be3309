package meta

import "testing"

func TestAmountsOfMemoryAreReadAsRedisReadsThem(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "100": 100, "1b": 1, "1k": 1000, "1kb": 1024, "1m": 1_000_000, "100MB": 100 << 20, "1g": 1_000_000_000, "2gb": 2 << 30,
		"1073741824gb": 1 << 60,
	} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "abc", "-1", "10%", "1.5gb", "mb", "1 gb", "1tb", "1073741825gb", "99999999999999999999"} {
		if got, err := ParseBytes(text); err == nil || err.Error() != "argument must be a memory value" {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
}
