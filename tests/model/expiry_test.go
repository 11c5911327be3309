package model

import "testing"

func TestExpiryIsJudgedByTheInterval(t *testing.T) {
	write := op(0, 10, Set, "a", ttl(500))
	unknown := op(0, 10, Set, "a", ttl(500), is(Unknown))
	tests := []struct {
		name    string
		history []Op
		wrong   string
	}{
		{"there, then gone", []Op{write, op(20, 21, Get, "", saw("a")), op(620, 621, Get, "")}, ""},
		{"gone about its end", []Op{write, op(480, 481, Get, "")}, ""},
		{"there about its end", []Op{write, op(520, 521, Get, "", saw("a"))}, ""},
		{"an unknown write may never have been", []Op{unknown, op(20, 21, Get, "")}, ""},
		{"gone too early", []Op{write, op(100, 101, Get, "")}, "before its end"},
		{"there too late", []Op{write, op(700, 701, Get, "", saw("a"))}, "after its end"},
		{"came back", []Op{write, op(480, 481, Get, ""), op(500, 501, Get, "", saw("a"))}, "came back"},
		{"another value", []Op{write, op(20, 21, Get, "", saw("b"))}, "nobody wrote"},
		{"of a refused write", []Op{op(0, 10, Set, "a", ttl(500), is(NotApplied)), op(20, 21, Get, "", saw("a"))}, "nobody wrote"},
		{"written twice", []Op{write, write}, "written twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { judge(t, tt.wrong, func() error { return CheckExpiry(tt.history) }) })
	}
}
