// Package clusterv1 is what is asked about a cluster as a whole: TopologyService for clients, AdminService for operators.
package clusterv1
