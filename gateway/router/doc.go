// Package router decides where a request is served: here, at another node (MOVED, ASK, forwarded), or nowhere yet.
//
// It knows the cluster and the replicas of this node only through the interfaces it declares; gateway/node supplies
// them. It imports no shard package.
package router
