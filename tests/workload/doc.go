// Package workload lets clients work on a cluster, recording what they were answered.
//
// A client makes one attempt per operation and repeats nothing: what a library would repeat on its own could take effect
// twice. So a redirect or a refusal is an outcome too, "not applied", and whatever else goes wrong is "unknown". Over gRPC the
// outcome is the one that the error detail names.
//
// All lists the workloads. One is started with a seed and a kind of client, told of faults, and asked for a Verdict at the
// end, which is green, violated, or invalid where too little happened to prove anything. Run and Lane are the parts they
// are made of.
package workload
