package script

import (
	"fmt"
	"strings"
	"testing"
)

func TestCacheRemembersTheLatestUsed(t *testing.T) {
	c := NewCache()
	load := func(source string) *Script {
		t.Helper()
		s, err := c.Load([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	known := func(s *Script) bool {
		found, ok := c.Find([]byte(strings.ToUpper(s.SHA)))
		return ok && found == s
	}
	used, unused := load("return 'used'"), load("return 'unused'")
	if again := load("return 'used'"); again != used {
		t.Error("a script that is known is compiled again")
	}
	for i := range cachedMax - 1 {
		if load(fmt.Sprint("return ", i)); !known(used) {
			t.Fatalf("the script that is used is forgotten after %d others", i)
		}
	}
	if known(unused) {
		t.Errorf("more than %d scripts are remembered", cachedMax)
	}
	long := "return 1 --" + strings.Repeat("x", SourceBytesMax-100)
	first := load(long)
	for i := range cachedBytesMax / len(long) {
		load(fmt.Sprint(long, i))
	}
	if known(first) {
		t.Errorf("more than %d bytes of scripts are remembered", cachedBytesMax)
	}
	c.Flush()
	if known(used) || c.bytes != 0 {
		t.Error("scripts are remembered after a flush")
	}
}
