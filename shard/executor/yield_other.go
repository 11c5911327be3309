//go:build !linux

package executor

import "runtime"

// yield lets other goroutines run.
func yield() { runtime.Gosched() }
