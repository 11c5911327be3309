// Package nodev1 is NodeService: what nodes ask of each other on the cluster port.
package nodev1
