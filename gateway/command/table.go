package command

import (
	"slices"
	"strings"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/script"
)

// Limits bounds keys and values; the zero value means the defaults of package ops.
type Limits = ops.Limits

// Table is the one table of commands. It is immutable but for the scripts that clients have sent.
type Table struct {
	// rows are the commands, sorted by name; subcommands are in their parents.
	rows []*Spec
	// named finds commands by name, and subcommands by theirs ("client|list").
	named map[string]*Spec
	// scripts are those that EVALSHA finds.
	scripts *script.Cache
}

// NewTable makes the table, whose Parse functions refuse keys and values over the limits.
func NewTable(limits Limits) *Table {
	t := &Table{named: map[string]*Spec{}, scripts: script.NewCache()}
	p := parser{limits: limits.WithDefaults(), table: t}
	for _, g := range []struct {
		name string
		rows [][]*Spec
	}{
		{"string", [][]*Spec{getSpecs(p), setSpecs(p), batchSpecs(p), patchSpecs(p), incrSpecs(p), lcsSpecs(p), compareSpecs(p), msetExSpecs(p), versionSpecs(p)}},
		{"bitmap", [][]*Spec{bitSpecs(p), bitOpSpecs(p), bitFieldSpecs(p)}},
		{"hash", [][]*Spec{hashSpecs(p), hashReadSpecs(p), hashScanSpecs(p)}},
		{"generic", [][]*Spec{keysSpecs(p), scanSpecs(), renameSpecs(p), copySpecs(p), expireSpecs(p), ttlSpecs(p), objectSpecs(p), dumpSpecs(p), waitSpecs()}},
		{"connection", [][]*Spec{connectionSpecs(), clientSpecs()}},
		{"server", [][]*Spec{introspectSpecs(), configSpecs(), serverSpecs(), memorySpecs(p), slowLogSpecs(), latencySpecs(), aclSpecs()}},
		{"cluster", [][]*Spec{clusterSpecs()}},
		{"transactions", [][]*Spec{transactionSpecs()}},
		{"scripting", [][]*Spec{scriptingSpecs(), evalSpecs(p)}},
	} {
		for _, row := range slices.Concat(g.rows...) {
			row.derive(g.name)
			t.rows = append(t.rows, row)
			t.add(row)
			for _, child := range row.Subcommands {
				t.add(child)
			}
		}
	}
	slices.SortFunc(t.rows, byName)
	return t
}

// Scripts are the scripts that the node has been sent, and not forgotten since.
func (t *Table) Scripts() *script.Cache { return t.scripts }

func (t *Table) add(row *Spec) {
	row.Index = len(t.named)
	t.named[row.Name] = row
}

func byName(a, b *Spec) int { return strings.Compare(a.Name, b.Name) }

// All lists the commands sorted by name; each carries its subcommands.
func (t *Table) All() []*Spec { return slices.Clone(t.rows) }
