// Package workload lets clients work on a cluster, recording what they were answered.
//
// A client makes one attempt per operation and repeats nothing: what a library would repeat on its own could take effect
// twice. So a redirect or a refusal is an outcome too, "not applied", and whatever else goes wrong is "unknown".
package workload
