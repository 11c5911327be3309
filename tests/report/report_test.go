package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/holtcache/holt/tests/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostile ends scripts, elements, attributes and strings.
const hostile = "</script><img src=x onerror=alert(1)>'\"&<!--\u2028\x00\\"

func hostileRun() Run {
	return Run{
		Name: "name " + hostile, Verdict: "FAILED", Failed: true, Reasons: []string{"key k " + hostile + ": lost"},
		Began: time.Unix(1, 0), Commands: []string{"go run " + hostile}, Options: map[string]string{"a": hostile},
		Ops: []model.Op{
			{Client: 1, Kind: model.Set, Key: hostile, Arg: hostile, Outcome: model.OK, Call: time.Millisecond, Return: 2 * time.Millisecond},
			{Client: 2, Kind: model.Get, Key: "k", Found: true, Value: hostile, Outcome: model.OK, Call: 3 * time.Millisecond, Return: 4 * time.Millisecond},
			{Client: 3, Kind: model.Get, Key: "k2", Outcome: model.Unknown, Err: hostile},
		},
		Bands: []Band{{Name: hostile, From: 0, To: time.Second, Note: hostile}},
		Marks: []Mark{{At: time.Second, Text: hostile}},
	}
}

// Whatever a value holds, the page has the elements that its template has, and the script's data are the values.
func TestValuesChangeNothingOfThePage(t *testing.T) {
	var page bytes.Buffer
	if err := Timeline(&page, hostileRun()); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	for _, never := range []string{"<img", "onerror=alert(1)>'\"", "<!--"} {
		if strings.Contains(text, never) {
			t.Errorf("the page holds %q", never)
		}
	}
	if got := strings.Count(text, "</script>"); got != 1 {
		t.Errorf("the page ends %d scripts, want 1", got)
	}
	_, rest, _ := strings.Cut(text, "const data = ")
	data, _, _ := strings.Cut(rest, ";\n")
	var back struct{ Bars []bar }
	if err := json.Unmarshal([]byte(data), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Bars) != 3 || back.Bars[0].Key != hostile || back.Bars[2].Outcome != "unknown" {
		t.Errorf("the script draws %+v", back.Bars)
	}
	if back.Bars[0].Blamed || !back.Bars[1].Blamed || back.Bars[2].Blamed {
		t.Errorf("blamed: %v %v %v, want only the key that the verdict names", back.Bars[0].Blamed, back.Bars[1].Blamed, back.Bars[2].Blamed)
	}
}

func TestFolderHoldsTheRunAndItsHistoryReadsBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	run := hostileRun()
	if err := Write(dir, run); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{historyFile, optionsFile, commandFile, verdictFile, timelineFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	ops, err := History(dir)
	if err != nil || len(ops) != len(run.Ops) {
		t.Fatalf("%d operations, %v; want %d", len(ops), err, len(run.Ops))
	}
	for i := range ops {
		got, want := ops[i], run.Ops[i]
		got.Key, want.Key = strings.ToValidUTF8(got.Key, "?"), strings.ToValidUTF8(want.Key, "?")
		if got != want {
			t.Errorf("operation %d:\n got %v\nwant %v", i, got, want)
		}
	}
}

func TestCopyKeepsFoldersAndLeavesOutWhatIsNotThere(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(from, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(from, "a", "b", "f"), []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Copy(to, "node-1", from); err != nil {
		t.Fatal(err)
	}
	if err := Copy(to, "node-2", filepath.Join(from, "missing")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(to, "node-1", "a", "b", "f"))
	if string(data) != "data" || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
}

func TestKeysAreBlamedAsWords(t *testing.T) {
	ops := []model.Op{{Key: "lane:1:0"}, {Key: "lane:1:01"}, {Key: "lane"}}
	if got := Blamed(ops, []string{"key lane:1:01: the history is not linearizable"}); len(got) != 1 || got[0] != "lane:1:01" {
		t.Errorf("got %q", got)
	}
}
