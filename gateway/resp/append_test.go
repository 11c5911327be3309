package resp

import (
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files of testdata anew")

var goldens = []struct {
	name  string
	value Value
}{
	{"ok", OK()},
	{"simple", Simple("PONG")},
	{"simple with line break", Simple("a\r\nb")},
	{"error", Err("ERR syntax error")},
	{"error with a reply smuggled in", Err("ERR unknown command 'a\r\n+OK\r\n\x00'")},
	{"error too long", Err("ERR " + strings.Repeat("x", 2000))},
	{"error cut before half a character", Err(strings.Repeat("x", ErrorBytesMax-1) + "é")},
	{"int", Int(-42)},
	{"largest int", Int(math.MaxInt64)},
	{"smallest int", Int(math.MinInt64)},
	{"bulk", BulkString("hello")},
	{"binary bulk", Bulk([]byte("\r\n\x00\xff"))},
	{"empty bulk", Bulk(nil)},
	{"null", Null()},
	{"null array", NullArray()},
	{"array", Array(Int(1), BulkString("two"), Null())},
	{"empty array", Array()},
	{"nested array", Array(Array(Int(1), Array()), NullArray())},
	{"map", Map(BulkString("proto"), Int(3), BulkString("modules"), Array())},
	{"map with a key that has no value", Value{Kind: KindMap, Elems: []Value{Int(1), Int(2), Int(3)}}},
	{"set", Set(BulkString("a"), BulkString("b"))},
	{"push", Push(BulkString("invalidate"), Array(BulkString("k")))},
	{"true", Bool(true)},
	{"false", Bool(false)},
	{"double", Double(3.14)},
	{"double without fraction", Double(100000000)},
	{"large double", Double(1e17)},
	{"small double", Double(-0.00001)},
	{"double zero", Double(0)},
	{"infinity", Double(math.Inf(1))},
	{"minus infinity", Double(math.Inf(-1))},
	{"not a number", Double(math.NaN())},
	{"verbatim", Verbatim("mkd", "# Title")},
	{"verbatim of unknown format", Verbatim("markdown", "# Title")},
	{"verbatim built without a format", Value{Kind: KindVerbatim, Str: []byte("ab")}},
	{"big number", BigNumber("-123456789012345678901234567890")},
	{"unknown kind", Value{Kind: 200}},
}

// The files hold one reply a line: its name, then its bytes as a quoted string. Write them anew with
// go test ./gateway/resp -run TestRepliesAreWrittenAsOnFile -rewrite
func TestRepliesAreWrittenAsOnFile(t *testing.T) {
	for _, proto := range []int{2, 3} {
		var got strings.Builder
		for _, g := range goldens {
			fmt.Fprintf(&got, "%s: %q\n", g.name, g.value.Append(nil, proto))
		}
		path := filepath.Join("testdata", fmt.Sprintf("resp%d.txt", proto))
		if *rewrite {
			if err := os.WriteFile(path, []byte(got.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		gotLines, wantLines := strings.Split(got.String(), "\n"), strings.Split(string(file), "\n")
		if len(gotLines) != len(wantLines) {
			t.Fatalf("%s: got %d lines, want %d", path, len(gotLines), len(wantLines))
		}
		for i := range gotLines {
			if gotLines[i] != wantLines[i] {
				t.Errorf("%s:%d:\n got %s\nwant %s", path, i+1, gotLines[i], wantLines[i])
			}
		}
	}
}

func TestAppendKeepsWhatIsThere(t *testing.T) {
	got := string(Err("ERR a\nb").Append([]byte("+first\r\n"), 3))
	if want := "+first\r\n-ERR a b\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// An error names what the client sent; the client must not be able to write a second line.
func TestErrorIsOneLineOfBoundedLength(t *testing.T) {
	for _, text := range []string{"", "ERR a\r\nb\x00c", strings.Repeat("\n", 5000), "ERR " + strings.Repeat("é", 5000), strings.Repeat("\x80", 5000)} {
		line := string(Err(text).Append(nil, 2))
		body := strings.TrimSuffix(strings.TrimPrefix(line, "-"), "\r\n")
		if strings.ContainsAny(body, "\r\n\x00") || len(body) > ErrorBytesMax || len(line) != len(body)+3 {
			t.Errorf("%.40q: got line %.60q of %d bytes", text, line, len(line))
		}
	}
}

func TestMapWithoutLastValuePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Map took a key without a value")
		}
	}()
	//lint:ignore SA5012 the odd argument is the point
	Map(Int(1))
}

func TestOnlyErrorsAreErrors(t *testing.T) {
	for _, g := range goldens {
		if got, want := g.value.IsError(), strings.HasPrefix(g.name, "error"); got != want {
			t.Errorf("%s: IsError got %v, want %v", g.name, got, want)
		}
	}
}
