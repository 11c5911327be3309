// Package acl decides whether somebody may run a command.
//
// Rules are those of Redis 7 ("ACL"): users with passwords, categories, commands and subcommands, patterns of keys and
// channels, selectors. A User is immutable; a change makes another one. Registry holds those of the cluster as of now.
//
// # Divergences
//
// From Redis 7.0:
//   - Rules about commands are kept as they were given, which is Redis 7.2's way, not computed anew from the commands that they
//     allow. They mean the same on a node whose build knows more commands.
//   - Rules of the form +command|argument are known for subcommands alone, as Redis has announced.
//   - A user who is switched off loses his connections too, not only the right to make new ones.
package acl
