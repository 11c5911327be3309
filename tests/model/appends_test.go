package model

import "testing"

func TestAppendsAreJudgedByWhatTheyMayAnswer(t *testing.T) {
	tests := []struct {
		name    string
		history []Op
		wrong   string
	}{
		{"all there, in order", []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Append, "b,", count(4)), op(4, 5, Get, "", saw("a,b,"))}, ""},
		{"unknown ones may be there", []Op{op(0, 1, Append, "a,", is(Unknown)), op(4, 5, Get, "", saw("a,"))}, ""},
		{"unknown ones may be missing", []Op{op(0, 1, Append, "a,", is(Unknown)), op(4, 5, Get, "")}, ""},
		{"a lost one", []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Append, "b,", count(4)), op(4, 5, Get, "", saw("a,"))}, "lost"},
		{"one twice", []Op{op(0, 1, Append, "a,", is(Unknown)), op(4, 5, Get, "", saw("a,a,"))}, "twice"},
		{"a refused one", []Op{op(0, 1, Append, "a,", is(NotApplied)), op(4, 5, Get, "", saw("a,"))}, "refused append took effect"},
		{"a foreign one", []Op{op(0, 1, Append, "a,", is(Unknown)), op(4, 5, Get, "", saw("z,"))}, "nobody appended"},
		{"two orders", []Op{op(0, 9, Append, "a,", is(Unknown)), op(0, 9, Append, "b,", is(Unknown)), op(1, 2, Get, "", saw("a,b,")), op(4, 5, Get, "", saw("b,"))}, "differ in order"},
		{"a wrong length", []Op{op(0, 1, Append, "a,", count(4)), op(4, 5, Get, "", saw("a,"))}, "another length"},
		{"a stale read", []Op{op(0, 1, Append, "a,", count(2)), op(2, 3, Get, ""), op(4, 5, Get, "", saw("a,"))}, "does not see"},
		{"reads that go back", []Op{op(0, 1, Append, "a,", is(Unknown)), op(2, 3, Get, "", saw("a,")), op(4, 5, Get, "")}, "does not see"},
		{"out of order in time", []Op{op(0, 1, Append, "a,", count(4)), op(2, 3, Append, "b,", count(2)), op(4, 5, Get, "", saw("b,a,"))}, "does not see"},
		{"seen before its call", []Op{op(0, 1, Get, "", saw("a,")), op(2, 3, Append, "a,", count(2)), op(4, 5, Get, "", saw("a,"))}, "does not see"},
		{"nobody looked at the end", []Op{op(0, 1, Get, ""), op(2, 3, Append, "a,", count(2))}, "without a read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { judge(t, tt.wrong, func() error { return CheckAppends(tt.history) }) })
	}
}
