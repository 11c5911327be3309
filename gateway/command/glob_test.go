package command

import (
	"strings"
	"testing"
)

func TestGlobsMatchAsInRedis(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"**", "abc", true}, {"a*c", "abbbc", true}, {"a*c", "abbb", false},
		{"?", "a", true}, {"?", "", false}, {"a?c", "abc", true}, {"[abc]", "b", true}, {"[^abc]", "b", false},
		{"[a-c]x", "bx", true}, {"[c-a]x", "bx", true}, {"[a-c]x", "dx", false}, {"[\\]]", "]", true}, {"[ab", "a", true},
		{"[", "[", false}, {"\\*", "*", true}, {"\\*", "x", false}, {"\\", "\\", true}, {"*a*b*", "xxaxxbxx", true},
		{"*a*b", "ababa", false}, {"client|[a-k]*", "client|kill", true}, {"[^]]", "]", false}, {"[]", "a", false},
	} {
		if got := matchGlob(c.pattern, c.name); got != c.want {
			t.Errorf("%q against %q: got %v", c.pattern, c.name, got)
		}
	}
}

// A pattern full of stars must not take time that grows exponentially: this one would never end.
func TestHostileGlobEnds(t *testing.T) {
	if matchGlob(strings.Repeat("*a", 200)+"b", strings.Repeat("a", 400)) {
		t.Error("matched")
	}
}
