// Package conformance compares a server with a real Redis, row by row of the command table.
//
// The commands are made of the table itself: of the arity of a row, of the types and names of its arguments, of its
// options. A row that is added is compared without a word here. What Holt answers otherwise than Redis is listed in
// differences.go, each with its reason; DIFFERENCES.md is made of that list.
package conformance
