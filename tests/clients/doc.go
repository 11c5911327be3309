// Package clients runs client libraries and tools, with the options that they come with, against a cluster.
package clients
