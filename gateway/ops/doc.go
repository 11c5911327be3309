// Package ops is what commands do to data: typed operations on a transaction, shared by RESP and gRPC.
package ops
