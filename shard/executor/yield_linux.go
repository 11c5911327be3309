package executor

import (
	"runtime"
	"syscall"
)

// yield lets others run, of this process and of the machine: connections that read, clients beside the node. Where the
// processors are idle it takes a microsecond.
func yield() {
	runtime.Gosched()
	_, _, _ = syscall.Syscall(syscall.SYS_SCHED_YIELD, 0, 0, 0)
}
