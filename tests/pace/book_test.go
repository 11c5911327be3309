package pace

import (
	"errors"
	"strings"
	"testing"
)

// Each row plants one fault in what the cluster answered, or holds in the end.
func TestBookFindsLostAndDoubledWrites(t *testing.T) {
	failed := errors.New("connection lost")
	type write struct {
		n     int
		reply int64
		err   error
	}
	three := []write{{1, 2, nil}, {2, 4, nil}, {3, 0, failed}}
	for _, row := range []struct {
		name   string
		kind   kind
		writes []write
		value  string
		want   string
	}{
		{"whole text", kindAppend, three, "1,2,", ""},
		{"whole text, and the write that failed", kindAppend, three, "1,3,2,", ""},
		{"nothing was written", kindAppend, nil, "", ""},
		{"lost text", kindAppend, three, "2,", "request 1 was acknowledged, and is there 0 times"},
		{"all is lost", kindAppend, three, "", "request 2 was acknowledged, and is there 0 times"},
		{"doubled text", kindAppend, three, "1,2,2,", "request 2 was acknowledged, and is there 2 times"},
		{"doubled text of a write that failed", kindAppend, three, "1,2,3,3,", `"3" is there 2 times`},
		{"text that nobody wrote", kindAppend, three, "1,2,4,", `"4" is there 1 times`},
		{"torn text", kindAppend, three, "1,2,x", `"x" is there 1 times`},
		{"length answered twice", kindAppend, []write{{1, 2, nil}, {2, 2, nil}}, "1,2,", "2 was answered to 2 requests"},
		{"whole counter", kindIncr, three, "2", ""},
		{"whole counter, and the write that failed", kindIncr, three, "3", ""},
		{"lost increment", kindIncr, three, "1", "it counts 1"},
		{"doubled increment", kindIncr, three, "4", "it counts 4"},
		{"counter that is gone", kindIncr, three, "", "it counts 0"},
		{"counter that is none", kindIncr, three, "x", `it holds "x"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := newBook()
			for _, w := range row.writes {
				b.note(row.kind, "k", w.n, w.reply, w.err)
			}
			a := b.texts["k"]
			if row.kind == kindIncr {
				a = b.counters["k"]
			}
			if a == nil {
				a = &account{}
			}
			err := a.check(row.kind, row.value)
			switch {
			case row.want == "" && err != nil:
				t.Errorf("got %v, want no error", err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("got %v, want %q in it", err, row.want)
			}
		})
	}
}
