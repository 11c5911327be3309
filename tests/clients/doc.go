// Package clients runs the client libraries of others against a cluster, with the options that they come with.
package clients
