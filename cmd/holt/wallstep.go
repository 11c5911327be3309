//go:build clockstep

package main

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// This program is built for tests: its wall clock is wrong by what a file says, which the environment names. The file holds
// two integers of 64 bits in the order of the machine: nanoseconds that are added, and how often somebody has read the clock
// while it was wrong.
const clockFile = "HOLT_CLOCK_FILE"

// steps is the file in memory, nil where the environment names none.
var steps = sync.OnceValue(func() *[2]atomic.Int64 {
	path := os.Getenv(clockFile)
	if path == "" {
		return nil
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", clockFile, err))
	}
	defer file.Close()
	mapped, err := syscall.Mmap(int(file.Fd()), 0, int(unsafe.Sizeof([2]atomic.Int64{})), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		panic(fmt.Sprintf("map %s: %v", path, err))
	}
	return (*[2]atomic.Int64)(unsafe.Pointer(&mapped[0]))
})

// wall is the wall clock of a server.
func wall() time.Time {
	now := time.Now()
	s := steps()
	if s == nil {
		return now
	}
	step := s[0].Load()
	if step != 0 {
		s[1].Add(1)
	}
	return now.Add(time.Duration(step))
}
