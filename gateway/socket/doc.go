// Package socket moves the bytes of TCP connections without waking the Go runtime's monitor thread.
//
// A system call of package net is announced to the scheduler, because it might block. The first one after the process
// was idle wakes sysmon, which then looks every 20 us whether a call does. A server of single requests is idle before
// nearly every one: without this package over a third of the context switches of a node are sysmon's, loaded or idle
// (perf record -e sched:sched_switch under go run ./tests/bench throughput -ops set -pipeline 1). A call on a socket that does not
// block ends in microseconds, so those of this package are not announced. Where one would block, the goroutine waits for
// the socket as with package net.
//
// On other systems than Linux it hands back what it is given, and under the race detector, which package net tells that
// what one end writes happens before the other end reads it.
package socket
