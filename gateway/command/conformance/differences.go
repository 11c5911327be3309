package conformance

import (
	"regexp"
	"slices"
	"strings"
)

// Difference is a way in which replies of Holt differ from those of Redis.
type Difference struct {
	// Rows are the names of the rows that it is about.
	Rows []string
	// Got and Want match the replies of Holt and of Redis where they differ so.
	Got, Want string
	// Reason says what differs and why.
	Reason string
}

// about tells whether the difference explains these replies.
func (d *Difference) about(row string, got, want []byte) bool {
	return slices.Contains(d.Rows, row) && regexp.MustCompile("(?s)^"+d.Got+"$").Match(got) && regexp.MustCompile("(?s)^"+d.Want+"$").Match(want)
}

// Explain finds the known difference that explains the replies to a command of a row; nil where none does.
func Explain(row string, got, want []byte) *Difference {
	for i := range Differences {
		if Differences[i].about(row, got, want) {
			return &Differences[i]
		}
	}
	return nil
}

// anyReply matches any reply.
const anyReply = ".*"

// Differences are the known differences.
var Differences = []Difference{
	{
		Rows: []string{"incrbyfloat", "getex", "bitcount", "bitpos", "lcs", "restore"},
		Got:  `-ERR .*`, Want: `([$:_*+-].*)`,
		Reason: "Arguments are checked before the key is looked at, so a wrong one is refused where Redis answers that there is no key, or that it holds another type.",
	},
}

// ErrorsOnly are the rows of which only errors are compared to the byte, and of other replies the type alone: with the
// reason why they cannot be equal. Rows whose tips say that their output is not deterministic need not be named.
var ErrorsOnly = map[string]string{}

// NotCompared are the rows that are never sent to both, with the reason.
var NotCompared = map[string]string{}

// Compared tells how the replies to a row are compared.
func Compared(row string, tips []string) (errorsOnly, skipped bool) {
	_, skipped = NotCompared[row]
	_, errorsOnly = ErrorsOnly[row]
	return errorsOnly || slices.Contains(tips, "nondeterministic_output"), skipped
}

// Unordered tells whether the elements of the reply to a row come in no particular order.
func Unordered(tips []string) bool { return slices.Contains(tips, "nondeterministic_output_order") }

// Document is the list as a page.
func Document() string {
	var b strings.Builder
	b.WriteString("# Where replies differ from those of Redis 7.0.15\n\n")
	b.WriteString("Made from `conformance/differences.go` by `go test ./gateway/command/conformance -rewrite`.\n\n")
	b.WriteString("Every row of the command table that Redis has is compared with it, byte by byte, on commands that are made of the row itself. These differences are known:\n\n")
	b.WriteString("| commands | Holt differs |\n|---|---|\n")
	for _, d := range Differences {
		b.WriteString("| " + commandList(d.Rows) + " | " + d.Reason + " |\n")
	}
	b.WriteString("\n## Compared by errors and type of reply only\n\nSo are all rows whose output is not deterministic by their tips.\n\n| command | why |\n|---|---|\n")
	writeReasons(&b, ErrorsOnly)
	b.WriteString("\n## Not compared\n\n| command | why |\n|---|---|\n")
	writeReasons(&b, NotCompared)
	return b.String()
}

func writeReasons(b *strings.Builder, reasons map[string]string) {
	rows := map[string][]string{}
	for row, reason := range reasons {
		rows[reason] = append(rows[reason], row)
	}
	var lines []string
	for reason, names := range rows {
		slices.Sort(names)
		lines = append(lines, "| "+commandList(names)+" | "+reason+" |\n")
	}
	slices.Sort(lines)
	for _, line := range lines {
		b.WriteString(line)
	}
}

func commandList(rows []string) string {
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = "`" + strings.ToUpper(strings.ReplaceAll(row, "|", " ")) + "`"
	}
	return strings.Join(names, " ")
}
