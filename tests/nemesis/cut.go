package nemesis

import (
	"errors"
	"fmt"
	"strings"
)

// Link is one direction between two hosts, or between a host and the Clients.
type Link struct{ From, To int }

func (l Link) String() string { return fmt.Sprintf("%d->%d", l.From, l.To) }

// Cut is a fault of a network: links that carry nothing. Hosts do not learn why nobody answers; where the cut refuses, TCP
// is reset as a firewall does it. Cuts may overlap in time.
type Cut struct {
	Links []Link

	net      *Network
	name     string
	refusing bool

	chain   string
	dropped map[Link]uint64
}

var _ Fault = (*Cut)(nil)

// Refusing makes the cut answer TCP with a reset.
func (c *Cut) Refusing() *Cut {
	c.refusing = true
	c.name += ", refusing"
	return c
}

func (c *Cut) Name() string { return c.name }

func (c *Cut) Missing() error { return missingNetwork() }

// Begin changes the router in one step.
func (c *Cut) Begin() error {
	if len(c.Links) == 0 {
		return fmt.Errorf("%s: no link to cut", c.name)
	}
	c.chain = fmt.Sprint("cut-", c.net.faults.Add(1))
	c.dropped = nil
	var rules strings.Builder
	fmt.Fprintf(&rules, "*filter\n:%s - [0:0]\n", c.chain)
	for _, l := range c.Links {
		if c.refusing {
			fmt.Fprintf(&rules, "-A %s -s %s -d %s -p tcp -j REJECT --reject-with tcp-reset\n", c.chain, c.net.IP(l.From), c.net.IP(l.To))
		}
		fmt.Fprintf(&rules, "-A %s -s %s -d %s -j DROP\n", c.chain, c.net.IP(l.From), c.net.IP(l.To))
	}
	fmt.Fprintf(&rules, "-I FORWARD 1 -j %s\nCOMMIT\n", c.chain)
	return c.filter(rules.String())
}

func (c *Cut) filter(rules string) error {
	_, err := c.net.onRouterWith(rules, "iptables-restore", "--noflush", "-w")
	return err
}

// End lets packets pass again. Those that were sent meanwhile are lost; whoever sent them by TCP sends them again.
func (c *Cut) End() error {
	out, err := c.net.onRouterWith("", "iptables-save", "-c", "-t", "filter")
	if err == nil {
		c.dropped = c.counts(out)
	}
	return errors.Join(err, c.filter(fmt.Sprintf("*filter\n-D FORWARD -j %[1]s\n-F %[1]s\n-X %[1]s\nCOMMIT\n", c.chain)))
}

// counts adds up what each link has lost.
func (c *Cut) counts(saved string) map[Link]uint64 {
	links := map[string]Link{}
	for _, l := range c.Links {
		links[fmt.Sprintf("-s %s/32 -d %s/32", c.net.IP(l.From), c.net.IP(l.To))] = l
	}
	dropped := map[Link]uint64{}
	for line := range strings.Lines(saved) {
		counters, rule, found := strings.Cut(line, " -A "+c.chain+" ")
		if !found {
			continue
		}
		var packets, bytes uint64
		if _, err := fmt.Sscanf(counters, "[%d:%d]", &packets, &bytes); err != nil {
			continue
		}
		words := strings.Fields(rule)
		if l, known := links[strings.Join(words[:min(4, len(words))], " ")]; known && packets > 0 {
			dropped[l] += packets
		}
	}
	return dropped
}

// Dropped is how many packets each link has lost, of those that lost some. It is asked after the end.
func (c *Cut) Dropped() map[Link]uint64 { return c.dropped }

func (c *Cut) TookEffect() error {
	if len(c.dropped) == 0 {
		return fmt.Errorf("nobody sent a packet by the links %v", c.Links)
	}
	return nil
}
