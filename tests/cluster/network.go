package cluster

import "github.com/holtcache/holt/tests/nemesis"

// On lists homes on the hosts of a network: the first node's is host 1, and so on, so that a node's number is its host's.
func On(network *nemesis.Network) []Home {
	var homes []Home
	for host := 1; host <= network.Hosts(); host++ {
		homes = append(homes, Home{IP: network.IP(host).String(), Under: network.Under(host)})
	}
	return homes
}
