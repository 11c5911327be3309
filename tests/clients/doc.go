// Package clients runs the client libraries of others against a cluster, with the options that they come with.
//
// TestEveryLibraryGoesThroughTheSameSteps has a program for each library, in the library's language, and all of them talk with the
// test in the same way. The first line that a program reads is a JSON object: where the cluster is, who the program is, and for each
// shard two keys to write to. It says "ok STEP" for each step of theSteps that holds, and ends with an error at the first that does not.
// After "ok writing" it writes numbered fields and counts, at every shard, through whatever the test does to the cluster. It answers
// "mark" with "marked" once every shard has acknowledged a write that began later, and "stop" with what it wrote at each shard
// ("wrote" and a JSON object), before it ends.
package clients
