//go:build !clockstep

package main

import "time"

// wall is the wall clock of a server.
var wall = time.Now
