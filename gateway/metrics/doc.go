// Package metrics shows what a node counts in the text format of Prometheus.
//
// It is the one importer of the Prometheus library. Nothing is counted twice: each scrape reads what the parts of the node
// count anyway. Names follow prometheus.io/docs/practices/naming: base units (bytes, seconds), counters end in _total and
// begin anew with the process. Labels are bounded: commands and first words of errors are those of tables, shards those of this node.
package metrics
