// Package client is the Go client of a cluster, over gRPC.
//
// Client reads and writes keys. It knows the slot map, talks to the leaders of the shards directly, and lets calls that are made
// at the same time share messages:
//
//	c, err := client.Dial(ctx, client.Config{Addrs: []string{"host-1:6380", "host-2:6380"}})
//	...
//	defer c.Close()
//	_, err = c.Set(ctx, client.Set{Key: "greeting", Value: []byte("hello"), TTL: time.Minute})
//	n, err := c.Increment(ctx, client.Increment{Key: "visits", By: 1})
//
// # Errors
//
// Every error of a call is an *apierr.Error. Its Kind is of the table of proto/apierr, and Result tells whether the write has
// taken effect: not applied, or unknown where that could not be learned before the deadline. A call that only reads changes
// nothing, whatever its error.
//
// # Retries
//
// A call is tried again, at whoever leads the shard by then, until its context or Config.RetryMax ends it: what was refused
// before anything was applied, what only reads, and writes of which nothing is known. For the latter each write carries an id
// by which the cluster applies it once and answers a retry what the first attempt was answered (raftfsm/session). The id ends
// a little after the last retry: an attempt that is delayed on its way for longer is refused, never applied late.
// Config.Retries turns ids off; then a write of unknown outcome is not retried.
//
// Two things bound what is remembered: 262,144 writes of a shard within the life of an id (some 15 s by default), beyond which
// writes are refused with kind "busy" and retried, and 64 KiB for one answer: a write that returns more (ReturnPrevious) fails
// with kind "too-large" unless ids are off.
//
// # Consistency
//
// Writes are acknowledged by a majority and reads are linearizable, unless the cluster's defaults say otherwise, or With does.
//
// # Watching
//
// Watch returns the changes of a key, of keys with a prefix, or of all keys, in the order in which they were committed, each once:
//
//	w, err := c.Watch(ctx, client.Watch{Prefix: "user:"})
//	...
//	defer w.Close()
//	for {
//		update, err := w.Next(ctx)
//		...
//		fmt.Println(update.Event.GetKind(), string(update.Event.GetKey()))
//	}
//
// It goes on across failovers and moves of slots. Changes of a key that were committed together come as one. Watcher.Token says where
// it is, for a watcher that goes on later. Who was away, or does not read, for longer than the servers' logs go back gets a
// CompactedError: then the keys have to be read again.
//
// # Goroutines
//
// A Client has one that watches the slot map, and two for each node that it has sent a call to; a Watcher has two for each shard. Close ends them. Its methods may
// be called by any number of goroutines: the more at once, the more calls share a message.
//
// Admin is what operators' tools use. The package imports the contract (proto) and nothing else of Holt.
package client
