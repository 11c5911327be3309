// Package client is the Go client of a cluster, over gRPC.
//
// Admin is what operators' tools use. It imports the contract (proto) and nothing else of Holt.
package client
