// Package cluster runs whole clusters of real processes for tests.
//
// Start builds the program once for each test binary, starts its nodes on free ports of loopback with data folders below
// a temporary one, creates the cluster, and returns when every slot is served. Nodes can be killed, paused, stopped,
// wiped, moved to other ports and started again. A cluster on a network of its own (On) can be cut apart: the test process
// reaches its nodes as their clients do. Whatever is waited for is a condition with a deadline that only a broken
// cluster misses, however busy the machine is. Everything that was started is killed at the end of the test, and the logs
// of the nodes are printed where it failed.
package cluster
