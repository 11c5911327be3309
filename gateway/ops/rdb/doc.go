// Package rdb writes values in the form in which Redis dumps them.
//
// A dump is what DUMP answers and RESTORE takes: the type, the value, two bytes of version, eight bytes of CRC-64
// (Redis, cluster.c, createDumpPayload; rdb.c).
//
// # Divergences
//
// Strings are never compressed when they are written; compressed ones are read.
package rdb
