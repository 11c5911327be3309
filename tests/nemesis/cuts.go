package nemesis

import (
	"fmt"
	"slices"
)

// What follows are the shapes of cuts. Unless they say so they leave the links of clients alone: a client that reaches
// both sides of a cut sees more than one that is cut off with its host.

// Isolate cuts a host off from all other hosts.
func (n *Network) Isolate(host int) *Cut {
	return n.cut(fmt.Sprintf("host %d isolated", host), n.between([]int{host}, n.without(host)))
}

// Unplug cuts a host off from everybody, clients too.
func (n *Network) Unplug(host int) *Cut {
	return n.cut(fmt.Sprintf("host %d unplugged", host), n.between([]int{host}, append(n.without(host), Clients)))
}

// Mute lets nobody hear a host, which hears everybody.
func (n *Network) Mute(host int) *Cut {
	return n.cut(fmt.Sprintf("host %d mute", host), directed([]int{host}, n.without(host)))
}

// Deaf lets a host hear nobody, while everybody hears it.
func (n *Network) Deaf(host int) *Cut {
	return n.cut(fmt.Sprintf("host %d deaf", host), directed(n.without(host), []int{host}))
}

// OneWay cuts one direction between two hosts.
func (n *Network) OneWay(from, to int) *Cut {
	return n.cut(fmt.Sprintf("host %d does not hear host %d", to, from), []Link{{from, to}})
}

// Pair cuts both directions between two hosts.
func (n *Network) Pair(a, b int) *Cut {
	return n.cut(fmt.Sprintf("hosts %d and %d apart", a, b), n.between([]int{a}, []int{b}))
}

// Split cuts the network into groups. Who is in none is cut off from nobody.
func (n *Network) Split(groups ...[]int) *Cut {
	var links []Link
	for i, group := range groups {
		for _, other := range groups[i+1:] {
			links = append(links, n.between(group, other)...)
		}
	}
	return n.cut(fmt.Sprintf("hosts split into %v", groups), links)
}

// Minority cuts the smaller part of the hosts off, with a host in it; the others in it are those that come next.
func (n *Network) Minority(with int) *Cut { return n.splitAt(with, (n.hosts-1)/2) }

// Majority cuts the larger part of the hosts off, with a host in it; the others in it are those that come next.
func (n *Network) Majority(with int) *Cut { return n.splitAt(with, n.hosts/2+1) }

func (n *Network) splitAt(first, count int) *Cut {
	ring := append([]int{first}, n.without(first)...)
	return n.Split(ring[:count], ring[count:])
}

// Bridge cuts the hosts into halves that do not hear each other, and one host hears both: each half is a majority with it.
func (n *Network) Bridge(host int) *Cut {
	others := n.without(host)
	half := len(others) / 2
	return n.cut(fmt.Sprintf("host %d bridges %v and %v", host, others[:half], others[half:]), n.between(others[:half], others[half:]))
}

// Ring lets each host hear its two neighbours only. It takes four hosts to cut anything.
func (n *Network) Ring() *Cut {
	var links []Link
	for _, l := range n.all() {
		if apart := (l.From - l.To + n.hosts) % n.hosts; apart != 1 && apart != n.hosts-1 {
			links = append(links, l)
		}
	}
	return n.cut("ring", links)
}

// HostLinks cuts every host off from every other.
func (n *Network) HostLinks() *Cut { return n.cut("no links between hosts", n.all()) }

// ClientLinks cuts hosts off from clients, and from nobody else; without arguments, all hosts.
func (n *Network) ClientLinks(hosts ...int) *Cut {
	if len(hosts) == 0 {
		hosts = n.without(Clients)
	}
	return n.cut(fmt.Sprintf("no links between clients and hosts %v", hosts), n.between(hosts, []int{Clients}))
}

func (n *Network) cut(name string, links []Link) *Cut { return &Cut{Links: links, net: n, name: name} }

// without lists the hosts but one, in the order of their numbers, beginning after it.
func (n *Network) without(host int) []int {
	var hosts []int
	for i := range n.hosts {
		if h := (host+i)%n.hosts + 1; h != host {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// all lists every link between hosts.
func (n *Network) all() []Link {
	hosts := n.without(Clients)
	return directed(hosts, hosts)
}

func (n *Network) between(a, b []int) []Link { return slices.Concat(directed(a, b), directed(b, a)) }

func directed(from, to []int) []Link {
	var links []Link
	for _, f := range from {
		for _, t := range to {
			if f != t {
				links = append(links, Link{f, t})
			}
		}
	}
	return links
}
