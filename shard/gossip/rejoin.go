package gossip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Limits of one round of joining. Whoever is found tells us of all others, so few are enough.
const (
	seedsPerRoundMax = 8
	resolveWait      = 2 * time.Second
)

// rejoinLoop looks for seeds that are not among the living, as long as this node runs: memberlist forgets dead nodes,
// so after a long partition nobody would ever contact the other side again. It backs off while they do not answer.
func (g *Gossip) rejoinLoop() {
	wait := time.Duration(0)
	next := g.cfg.RejoinMin
	joined := true // say so once when it turns false
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-g.rejoin: // a node has gone: start over with short waits
			timer.Stop()
			next = g.cfg.RejoinMin
			if !g.pause(next) {
				return
			}
		case <-g.ctx.Done():
			timer.Stop()
			return
		}
		tried, found := g.joinMissing()
		switch {
		case found > 0, tried == 0 && g.present.Load() > 1:
			joined = true
			next = g.cfg.RejoinMin
			wait = jitter(g.cfg.RejoinMax)
		default:
			if joined && tried > 0 && g.present.Load() == 1 {
				g.log.warn("no seed answers, asking again", "seeds", tried, "wait_max", g.cfg.RejoinMax.String())
			}
			joined = joined && tried == 0
			wait = jitter(next)
			next = min(2*next, g.cfg.RejoinMax)
		}
	}
}

// pause reports false if Gossip was closed meanwhile.
func (g *Gossip) pause(d time.Duration) bool {
	timer := time.NewTimer(jitter(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-g.ctx.Done():
		return false
	}
}

// jitter keeps nodes that were started together from asking together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// joinMissing exchanges states with seeds that do not look alive, and with nodes that look dead. The latter also
// brings back a node that was restarted with a new address: the table knows that address from its first message, and
// memberlist takes it once the old one is dead. It returns how many it tried and how many answered.
func (g *Gossip) joinMissing() (tried, found int) {
	alive, dead := g.gossipAddrs()
	candidates := append(g.cfg.Seeds(), dead...)
	rand.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })

	done := map[string]bool{g.addr: true}
	for _, c := range candidates {
		if tried >= seedsPerRoundMax || g.ctx.Err() != nil {
			break
		}
		if alive[c] {
			continue
		}
		addrs, err := resolve(g.ctx, c)
		if err != nil {
			tried++
			g.log.warn("seed cannot be resolved", "seed", c, "error", err.Error())
			continue
		}
		for _, a := range addrs {
			s := a.String()
			if done[s] || alive[s] {
				continue
			}
			done[s] = true
			tried++
			if n, err := g.list.Join([]string{s}); err == nil {
				found += n
			}
		}
	}
	return tried, found
}

// gossipAddrs returns the addresses of nodes that are alive, as announced and as ip:port, and of those that are dead.
func (g *Gossip) gossipAddrs() (alive map[string]bool, dead []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	alive = make(map[string]bool)
	for _, m := range g.table.members {
		switch m.State {
		case StateAlive:
			alive[m.Gossip] = true
			alive[m.addr] = true
		case StateDead:
			dead = append(dead, m.Gossip)
		}
	}
	return alive, dead
}

// resolve returns the addresses behind host:port. memberlist would do it too, but nothing could stop it.
func resolve(ctx context.Context, hostport string) ([]netip.AddrPort, error) {
	host, portText, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("address %q: use host:port", hostport)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("address %q: port is not a number from 0 to 65535", hostport)
	}
	if host == "" {
		return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(port))}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveWait)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fmt.Errorf("resolve %q: %w", hostport, err)
	}
	addrs := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return addrs, nil
}

// resolveOne prefers IPv4 as net.Listen does for a host name.
func resolveOne(ctx context.Context, hostport string) (netip.AddrPort, error) {
	addrs, err := resolve(ctx, hostport)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for _, a := range addrs {
		if a.Addr().Is4() {
			return a, nil
		}
	}
	if len(addrs) == 0 {
		return netip.AddrPort{}, fmt.Errorf("resolve %q: no address", hostport)
	}
	return addrs[0], nil
}
