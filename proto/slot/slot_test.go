package slot

import (
	"reflect"
	"testing"
)

func TestSlotsAreThoseOfRedisCluster(t *testing.T) {
	if got := crc16([]byte("123456789")); got != 0x31C3 {
		t.Errorf("crc16(123456789) = %#x, want 0x31C3", got)
	}
	// The figures are what CLUSTER KEYSLOT of Redis 7 answers.
	for key, want := range map[string]ID{
		"foo": 12182, "bar": 5061, "hello": 866, "": 0,
		"{user1000}.following": 3443, "{user1000}.followers": 3443, "user1000": 3443,
	} {
		if got := Of([]byte(key)); got != want {
			t.Errorf("Of(%q) = %d, want %d", key, got, want)
		}
	}
}

func TestHashTagIsBetweenFirstBraceAndTheNextClosingOne(t *testing.T) {
	for key, want := range map[string]string{
		"{user1000}.following": "user1000",
		"foo{}{bar}":           "foo{}{bar}",
		"foo{{bar}}zap":        "{bar",
		"foo{bar}{zap}":        "bar",
		"{":                    "{",
		"{}":                   "{}",
		"a{b":                  "a{b",
		"}{x}":                 "x",
	} {
		if got := string(hashTag([]byte(key))); got != want {
			t.Errorf("hashTag(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestSplitCoversEverySlotOnce(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 7, 16384} {
		next := 0
		for _, r := range Split(n) {
			if int(r.First) != next || !r.Valid() || r.Len() < Count/n || r.Len() > Count/n+1 {
				t.Fatalf("Split(%d): range %v does not follow slot %d with %d or %d slots", n, r, next, Count/n, Count/n+1)
			}
			next = int(r.Last) + 1
		}
		if next != Count {
			t.Fatalf("Split(%d) ends at %d", n, next)
		}
	}
}

func TestMapRefusesTwoOwnersOfASlot(t *testing.T) {
	if _, err := NewMap(3, []Assignment{{Range{0, 10}, 1}, {Range{10, 20}, 2}}); err == nil {
		t.Fatal("a map with two owners of slot 10 was accepted")
	}
}

func TestMapListsMaximalRanges(t *testing.T) {
	m, err := NewMap(3, []Assignment{{Range{0, 5}, 1}, {Range{6, 9}, 1}, {Range{20, 30}, 2}, {Range{31, 31}, 1}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Assignment{{Range{0, 9}, 1}, {Range{20, 30}, 2}, {Range{31, 31}, 1}}
	if got := m.Assignments(); !reflect.DeepEqual(got, want) {
		t.Errorf("Assignments() = %v, want %v", got, want)
	}
	if m.Complete() || m.Owner(15) != 0 || m.Owner(25) != 2 || m.Epoch() != 3 {
		t.Errorf("Complete %v, Owner(15) %d, Owner(25) %d, Epoch %d", m.Complete(), m.Owner(15), m.Owner(25), m.Epoch())
	}
	if got := m.Ranges(1); !reflect.DeepEqual(got, []Range{{0, 9}, {31, 31}}) {
		t.Errorf("Ranges(1) = %v", got)
	}
}

func TestNormalizeJoinsNeighbours(t *testing.T) {
	got := Normalize([]Range{{30, 40}, {0, 5}, {6, 9}, {35, 50}})
	if want := []Range{{0, 9}, {30, 50}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
