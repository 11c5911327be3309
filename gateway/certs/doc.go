// Package certs keeps the certificates of a node as fresh as its files.
//
// A handshake that comes more than a second after the last look reads the files again, so whoever replaces them needs no
// restart and no signal. Files that make no sense, half of a new pair say, leave what was read before in force.
package certs
