package model

import "testing"

func TestFinalReadingsAreJudgedByTheWrites(t *testing.T) {
	tests := []struct {
		name  string
		write Op
		final map[string]string
		wrong string
	}{
		{"acknowledged and there", op(0, 1, Set, "a"), map[string]string{"k": "a"}, ""},
		{"unknown and missing", op(0, 1, Set, "a", is(Unknown)), nil, ""},
		{"unknown and there", op(0, 1, Set, "a", is(Unknown)), map[string]string{"k": "a"}, ""},
		{"acknowledged and lost", op(0, 1, Set, "a"), nil, "lost"},
		{"refused and there", op(0, 1, Set, "a", is(NotApplied)), map[string]string{"k": "a"}, "refused"},
		{"another value", op(0, 1, Set, "a"), map[string]string{"k": "b"}, "nobody wrote"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			judge(t, tt.wrong, func() error { return CheckWrites([]Op{tt.write}, tt.final) })
			lost := len(LostWrites([]Op{tt.write}, tt.final)) > 0
			if want := tt.write.Outcome == OK && tt.wrong != ""; lost != want {
				t.Errorf("counted as lost: %v, want %v", lost, want)
			}
		})
	}
}
