package resp

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// Long enough for the buffer to be compacted, replaced and shrunk at every element of the protocol.
func TestLongPipelinesAreCutAsByTheModel(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 0))
		sizeMax := []int{10, 100, 3000, 100000}[seed%4]
		var input []byte
		for len(input) < 200<<10 {
			if random.IntN(8) == 0 {
				input = append(input, "*0\r\nSET k \"in line\"\r\n"...)
			}
			args := make([]string, 1+random.IntN(6))
			for i := range args {
				args[i] = strings.Repeat(string(rune('a'+i)), random.IntN(sizeMax))
			}
			input = AppendCommandStrings(input, args...)
		}
		pieceMax := []int{3, 50, 5000, 70000}[seed/4%4]
		next := func() int { return 1 + random.IntN(pieceMax) }
		keepOneIn := 1 + random.IntN(4)
		keep := func() bool { return random.IntN(keepOneIn) > 0 }

		got, gotErr := drive(t, string(input), DefaultLimits(), next, keep)
		want, wantErr := reference(string(input), DefaultLimits())
		if gotErr != wantErr || !reflect.DeepEqual(got, want) {
			for i := range min(len(got), len(want)) {
				if !reflect.DeepEqual(got[i], want[i]) {
					t.Fatalf("seed %d: command %d: got %.200q, want %.200q", seed, i, got[i], want[i])
				}
			}
			t.Fatalf("seed %d: got %d commands and %q, want %d and %q", seed, len(got), gotErr, len(want), wantErr)
		}
	}
}

func TestAppendingToAnArgumentLeavesTheOthersAlone(t *testing.T) {
	r := NewReader(strings.NewReader("*2\r\n$1\r\na\r\n$1\r\nb\r\nc d\n"), DefaultLimits())
	if err := r.Fill(); err != nil {
		t.Fatal(err)
	}
	first, _, _ := r.Next()
	_ = append(first[0], "XXXXXXXXXX"...)
	second, ok, err := r.Next()
	if !ok || err != nil {
		t.Fatalf("second command: got %v, %v", ok, err)
	}
	_ = append(first, []byte("X"))
	if got, want := show([][]string{{string(first[0]), string(first[1])}, {string(second[0]), string(second[1])}}), `"a" "b"|"c" "d"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
