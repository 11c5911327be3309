// Package pubsub decides which of a node's clients get a message.
//
// A Hub knows the channels, patterns and shard channels to which clients of this node listen. It knows no connections: whoever
// listens is a Subscriber, whose Receiver is given the messages. A Relay takes messages to the hubs of other nodes.
//
// # What is promised
//
// As in Redis Cluster a message is delivered at most once, to who listens at that moment. All subscribers of a node get the
// messages of one channel in the same order, and those that come from one node in the order in which they were published there.
// Messages to another node wait in a bounded queue; what does not fit, or was on its way when the connection broke, is lost and
// counted.
//
// # Locks
//
// Order: a stripe of channels; Hub.mu; Subscriber.mu. Receivers are called with the first two held, so they must not block nor
// call the hub.
package pubsub
