// Package command is the table of RESP commands.
//
// The table says of each command its name, arity, flags, ACL categories, key positions and documentation. For commands
// on data it also parses the arguments into a [Call] of package ops; all others have no Parse and are answered by the
// connection or the server. Names, flags and documentation are those of Redis 7.0, because clients read them through
// COMMAND to learn where keys are and what may be asked of a replica.
//
// # Divergences
//
// DIFFERENCES.md lists where replies differ from those of Redis. Beside that:
//
//   - A script that runs for more than 100 ms, or takes more than 256 MiB, ends with an error, and nothing of it is applied; Redis lets it run, and
//     answers BUSY to others.
//   - HRANDFIELD gives at most 1,048,576 fields that may repeat.
//   - RESTORE checks IDLETIME and FREQ and does not use them: what eviction knows of a key begins anew.
//   - OBJECT ENCODING tells how Redis would encode a value of these bytes if it was SET, or a hash of these fields if it was made of them;
//     the way the value came about (APPEND, SETRANGE, INCRBYFLOAT, fields that are gone) is not remembered. OBJECT REFCOUNT is always 1: values are not shared.
//   - TTL and EXPIRETIME of an expiry within half a second of the largest 64-bit number do not overflow.
//   - Errors repeat at most 128 bytes of an argument; Redis repeats an unsupported option of EXPIRE whole.
//   - HELP is made from the table, so it names what is there, one line each.
//   - COMMAND DOCS has no history: it would be that of another server.
package command
