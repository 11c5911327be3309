package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A rule that nothing breaks is a rule that nothing tests.
func TestEveryRuleIsBrokenBySomeDefectOrSaysWhyNot(t *testing.T) {
	rows := map[string][]string{}
	for _, b := range bugs {
		for _, r := range rulesOf(b) {
			rows[r] = append(rows[r], b.name)
		}
	}
	for _, r := range rules {
		switch {
		case len(rows[r.name]) == 0 && r.untried == "":
			t.Errorf("no defect breaks rule %s (%s): plant one, with a test that notices", r.name, r.says)
		case len(rows[r.name]) > 0 && r.untried != "":
			t.Errorf("rule %s is said to be untried, but %v break it", r.name, rows[r.name])
		}
		t.Logf("%-10s %3d %s", r.name, len(rows[r.name]), r.untried)
		delete(rows, r.name)
	}
	for name, bugs := range rows {
		t.Errorf("%v break rule %q, which is not in rules", bugs, name)
	}
}

func TestEveryWellKnownMistakeIsPlantedOrSaysWhyNot(t *testing.T) {
	for _, w := range wellKnown {
		if (len(w.bugs) == 0) == (w.why == "") {
			t.Errorf("%s: planted as %v, not planted because of %q; want one of the two", w.what, w.bugs, w.why)
		}
		for _, name := range w.bugs {
			if !slices.ContainsFunc(directedBugs, func(b bug) bool { return b.name == name }) {
				t.Errorf("%s: there is no defect %s", w.what, name)
			}
		}
	}
}

// The page is worth something only as long as each row of it was measured as it stands.
func TestEveryDefectWasMeasuredAndThePageSaysSo(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	m, err := readMeasured(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range slices.Concat(bugs, unfound) {
		if !m.tells(b) {
			t.Errorf("%s was never measured with %s: make bugs ARGS='-new -write'", b.name, b.test)
		}
	}
	for _, b := range bugs {
		if r := m.Rows[b.name]; m.tells(b) && r.Verdict != found {
			t.Errorf("%s: %s", b.name, r.Verdict)
		}
	}
	for _, b := range unfound {
		if r := m.Rows[b.name]; m.tells(b) && r.Verdict != missed {
			t.Errorf("%s: %s; where the suite finds it by now, it belongs to suiteBugs", b.name, r.Verdict)
		}
	}
	if len(m.Rows) != len(bugs)+len(unfound) {
		t.Errorf("%d rows are measured, there are %d: make bugs ARGS=-page", len(m.Rows), len(bugs)+len(unfound))
	}
	text, err := os.ReadFile(filepath.Join(root, pageFile))
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != page(m) {
		t.Errorf("%s is not what %s says: make bugs ARGS=-page", pageFile, measuredFile)
	}
}

func TestOnlyTheTestsOwnTimeCounts(t *testing.T) {
	for text, want := range map[string]string{
		"--- FAIL: TestX (0.20s)\nFAIL\nFAIL\tgithub.com/x/y\t1.250s\nFAIL\n": "1.25s",
		"panic: oops\nFAIL\tgithub.com/x/y\t0.013s\n":                         "13ms",
		"ok  \tgithub.com/x/y\t3.000s\n":                                      "1m0s",
	} {
		if got := (outcome{text: text, took: clusterTime / 6}).testTime(); got.String() != want {
			t.Errorf("%q: got %v, want %s", strings.ReplaceAll(text, "\n", "|"), got, want)
		}
	}
}
