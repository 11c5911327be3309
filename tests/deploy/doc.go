// Package deploy holds the files of deploy/ against the program that they are for.
//
// Every flag and variable that a file names has to be one of the program's, every metric one that a node shows, and every format
// is read, where the tool that it is for can be had, by that tool. What no tool is here for (docker compose, a cluster of
// Kubernetes, Grafana) deploy/README.md says.
package deploy
