package resp

import (
	"bytes"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// FuzzReader compares the Reader with the model on sequences of commands, cut at random places, with arguments kept or
// released at random. Replay a failure with the command that go test prints.
func FuzzReader(f *testing.F) {
	for i, row := range corpus {
		f.Add([]byte(row.input), uint64(i), row.limits != nil)
	}
	f.Add([]byte(`"\x41\`+"\n"+`'\'' "a"`+"\v\n"+`a"b`), uint64(1), false)
	f.Fuzz(func(t *testing.T, input []byte, seed uint64, unauthenticated bool) {
		limits := DefaultLimits()
		if unauthenticated {
			limits = UnauthenticatedLimits()
		}
		random := rand.New(rand.NewPCG(seed, 0))
		most := 1 + random.IntN(1+len(input))
		next := func() int { return 1 + random.IntN(most) }
		keep := func() bool { return random.IntN(2) == 0 }

		commands, err := drive(t, string(input), limits, next, keep)
		wantCommands, wantErr := reference(string(input), limits)
		if !reflect.DeepEqual(commands, wantCommands) || err != wantErr {
			t.Errorf("seed %d: got %.300q %q, want %.300q %q", seed, commands, err, wantCommands, wantErr)
		}
	})
}

// FuzzReplyReader reads arbitrary bytes. What can be read can be written, and read again as the same.
func FuzzReplyReader(f *testing.F) {
	for _, g := range goldens {
		f.Add(g.value.Append(nil, 3))
		f.Add(g.value.Append(nil, 2))
	}
	for _, row := range brokenReplies {
		f.Add([]byte(row))
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		r := NewReplyReader(bytes.NewReader(input))
		for {
			v, err := r.Read()
			if err != nil {
				return
			}
			checkRoundTrip(t, v)
		}
	})
}

// FuzzReplyRoundTrip builds values of every kind from the fuzzer's bytes.
func FuzzReplyRoundTrip(f *testing.F) {
	f.Add([]byte("\x06\x03\x02\x05hello\x04\x09\x07\x02\x0b"), uint64(1))
	f.Add(bytes.Repeat([]byte{6}, 40), uint64(2))
	f.Add([]byte{10, 11, 12, 13, 14, 15, 16}, uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, recipe []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		for len(recipe) > 0 {
			var v Value
			v, recipe = buildValue(recipe, random, 0)
			checkRoundTrip(t, v)
		}
	})
}

// buildValue takes a value from the recipe: its kind, its size, its bytes.
func buildValue(recipe []byte, random *rand.Rand, depth int) (Value, []byte) {
	take := func() (b byte) {
		if len(recipe) > 0 {
			b, recipe = recipe[0], recipe[1:]
		}
		return b
	}
	v := Value{Kind: Kind(take() % byte(KindBigNumber+1))}
	switch v.Kind {
	case KindInt:
		v.Int = int64(random.Uint64()) >> random.IntN(64)
	case KindBool:
		v.Int = int64(take() % 2)
	case KindDouble:
		v.Float = math.Float64frombits(random.Uint64())
	case KindBigNumber:
		v.Str = []byte("-12345678901234567890")[take()%2:]
	case KindVerbatim:
		v.Str = []byte("txt:")
		fallthrough
	case KindSimple, KindError, KindBulk:
		n := min(int(take()), len(recipe))
		v.Str = append(v.Str, recipe[:n]...)
		recipe = recipe[n:]
	case KindArray, KindMap, KindSet, KindPush:
		n := int(take() % 5)
		if v.Kind == KindMap {
			n &^= 1
		}
		for range n {
			if depth == replyDepthMax {
				break
			}
			var elem Value
			elem, recipe = buildValue(recipe, random, depth+1)
			v.Elems = append(v.Elems, elem)
		}
	}
	return v, recipe
}

func checkRoundTrip(t *testing.T, v Value) {
	t.Helper()
	for _, proto := range []int{2, 3} {
		wire := v.Append(nil, proto)
		r := NewReplyReader(bytes.NewReader(wire))
		got, err := r.Read()
		if err != nil {
			t.Fatalf("RESP%d %.200q: %v", proto, wire, err)
		}
		if want := asRead(v, proto); !equal(got, want) {
			t.Fatalf("RESP%d %.200q: got %.200v, want %.200v", proto, wire, got, want)
		}
		if n := r.Buffered(); n != 0 {
			t.Fatalf("RESP%d %.200q: %d bytes left after the reply", proto, wire, n)
		}
	}
}

// asRead is what a client gets to see of a value: types that its protocol lacks are replaced, lines made safe.
func asRead(v Value, proto int) Value {
	var elems []Value
	for _, elem := range v.Elems {
		elems = append(elems, asRead(elem, proto))
	}
	switch v.Kind {
	case KindSimple, KindError:
		line := bytes.Clone(v.Str)
		if v.Kind == KindError {
			line = append([]byte(nil), cutText(line, ErrorBytesMax)...)
		}
		for i := range line {
			if bytes.IndexByte([]byte("\r\n\x00"), line[i]) >= 0 {
				line[i] = ' '
			}
		}
		return Value{Kind: v.Kind, Str: line}
	case KindNullArray:
		if proto == 3 {
			return Null()
		}
	case KindArray:
		return Value{Kind: KindArray, Elems: elems}
	case KindMap, KindSet, KindPush:
		if proto == 3 {
			return Value{Kind: v.Kind, Elems: elems}
		}
		return Value{Kind: KindArray, Elems: elems}
	}
	if proto == 3 {
		return v
	}
	switch v.Kind {
	case KindBool:
		return Int(v.Int)
	case KindDouble:
		return Bulk(formatDouble(nil, v.Float))
	case KindVerbatim:
		return Bulk(v.Str[4:])
	case KindBigNumber:
		return Bulk(v.Str)
	}
	return v
}

func equal(a, b Value) bool {
	sameFloat := a.Float == b.Float || math.IsNaN(a.Float) && math.IsNaN(b.Float)
	if a.Kind != b.Kind || a.Int != b.Int || !sameFloat || !bytes.Equal(a.Str, b.Str) || len(a.Elems) != len(b.Elems) {
		return false
	}
	for i := range a.Elems {
		if !equal(a.Elems[i], b.Elems[i]) {
			return false
		}
	}
	return true
}
