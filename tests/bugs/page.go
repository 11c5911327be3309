package main

import (
	"fmt"
	"slices"
	"strings"
)

const pageHead = `# Planted defects

Tests that pass prove little until they have been seen to fail. Each row is a defect that was planted in the product, alone, and the
test that noticed it. Made by a program from the table in this folder and from what it measured; nothing in it was typed:

    make bugs ARGS=-write                # all of them again
    make bugs ARGS='-new -write'         # those of which nothing is known as they stand
    make bugs ARGS='-unfound -write'     # those that whole clusters have not shown so far

Levels: *unit* tests one package, *simulation* runs the core or whole groups in virtual time on a model of network and disks,
*cluster* is a directed test with real processes, *suite* is ` + "`make robustness`" + `, which knows nothing of where the defect is. Seconds are for how
long the test ran until it failed, without its building. A test that only takes too long has found nothing.

`

// page is what BUGS.md says.
func page(m *measurements) string {
	var b strings.Builder
	b.WriteString(pageHead)
	b.WriteString(levelTable(m))
	b.WriteString(wellKnownTable())
	b.WriteString(ruleTables(m))
	b.WriteString(unfoundTable(m))
	return b.String()
}

func levelTable(m *measurements) string {
	var rows []string
	cpu := 0.0
	for _, level := range []string{levelUnit, levelSimulation, levelCluster, levelSuite} {
		var seconds []float64
		planted := 0
		for _, b := range bugs {
			if b.level() != level {
				continue
			}
			planted++
			if r, known := m.Rows[b.name]; known && r.Verdict == found {
				seconds = append(seconds, r.Seconds)
				cpu += r.CPUSeconds
			}
		}
		median, slowest := 0.0, 0.0
		if slices.Sort(seconds); len(seconds) > 0 {
			median, slowest = seconds[len(seconds)/2], seconds[len(seconds)-1]
		}
		rows = append(rows, row(level, planted, len(seconds), fmt.Sprintf("%.1f", median), fmt.Sprintf("%.1f", slowest)))
	}
	return fmt.Sprintf("Measured on %s, beside other work: all of them take %.0f minutes of one CPU, building included.\n\n", m.Machine, cpu/60) +
		table("level | planted | found | median s | slowest s", rows)
}

func wellKnownTable() string {
	var rows []string
	for i, w := range wellKnown {
		answer := w.why
		if len(w.bugs) > 0 {
			answer = "`" + strings.Join(w.bugs, "`, `") + "`"
		}
		rows = append(rows, row(i+1, w.what, answer))
	}
	return "## Twenty that such systems have been shipped with\n\n" + table("no | mistake | planted as", rows)
}

func ruleTables(m *measurements) string {
	var b strings.Builder
	b.WriteString("## By what they break\n\nNumbers are those of the protocol's rules, which code cites too.\n\n")
	for _, r := range rules {
		fmt.Fprintf(&b, "**%s**: %s.\n\n", r.name, r.says)
		if r.untried != "" {
			fmt.Fprintf(&b, "Not planted: %s.\n\n", r.untried)
			continue
		}
		var rows []string
		for _, bug := range bugs {
			if slices.Contains(rulesOf(bug), r.name) {
				rows = append(rows, row("`"+bug.name+"`", bug.level(), "`"+shown(bug)+"`", m.seconds(bug)))
			}
		}
		b.WriteString(table("defect | level | found by | s", rows))
	}
	return b.String()
}

func unfoundTable(m *measurements) string {
	var rows []string
	for _, b := range unfound {
		rows = append(rows, row("`"+b.name+"`", "`"+shown(b)+"`", m.seconds(b), m.Rows[b.name].Verdict))
	}
	return "## What whole clusters do not show in minutes\n\nThe suite has been let look for these, for as long as stands here, and a test of another level above finds each.\n\n" +
		table("defect | arguments | s | then", rows)
}

// shown is how the page names what finds a defect.
func shown(b bug) string {
	if b.level() == levelSuite {
		return b.test
	}
	return b.pkg + " " + strings.ReplaceAll(strings.Trim(b.test, "^$"), "|^", ", ")
}

func (m *measurements) seconds(b bug) string {
	if !m.tells(b) {
		return "not measured"
	}
	return fmt.Sprintf("%.1f", m.Rows[b.name].Seconds)
}

func table(head string, rows []string) string {
	columns := strings.Count(head, "|") + 1
	return "| " + head + " |\n|" + strings.Repeat("---|", columns) + "\n" + strings.Join(rows, "") + "\n"
}

func row(cells ...any) string {
	var b strings.Builder
	b.WriteString("|")
	for _, c := range cells {
		fmt.Fprintf(&b, " %v |", strings.ReplaceAll(fmt.Sprint(c), "|", "\\|"))
	}
	return b.String() + "\n"
}
