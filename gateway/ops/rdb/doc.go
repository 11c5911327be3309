// Package rdb writes values in the form in which Redis dumps them.
//
// A dump is what DUMP answers and RESTORE takes: the type, the value, two bytes of version, eight bytes of CRC-64
// (Redis, cluster.c, createDumpPayload; rdb.c).
//
// # Divergences
//
// Strings are never compressed when they are written; compressed ones are read. The fields of a hash come in the order in
// which it is kept: as long as they are few that of Redis, then another one. Listpacks and ziplists are always checked whole
// when they are read, as Redis does with sanitize-dump-payload.
package rdb
