// Package node assembles one server: it opens the floors bottom-up, closes them top-down, and is the one place that
// knows which implementations are real.
package node
