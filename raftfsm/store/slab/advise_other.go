//go:build !linux && !race

package slab

func adviseSmallPages([]byte) {}
