package nemesis

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"
)

// Quality is how badly a link carries packets, TCP and UDP alike.
type Quality struct {
	// Each packet is held for Delay and up to Jitter more, for itself: packets overtake each other.
	Delay, Jitter time.Duration
	// Loss and Duplicates are the shares of packets that are lost and that arrive twice.
	Loss, Duplicates float64
	// BytesPerSecond is what goes through, 0 for any amount; what waits for longer than queueMax is lost.
	BytesPerSecond int
}

func (q Quality) String() string {
	var parts []string
	add := func(on bool, format string, args ...any) {
		if on {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(q.Delay+q.Jitter > 0, "delayed by %v to %v", q.Delay, q.Delay+q.Jitter)
	add(q.Loss > 0, "%.1f %% lost", 100*q.Loss)
	add(q.Duplicates > 0, "%.1f %% twice", 100*q.Duplicates)
	add(q.BytesPerSecond > 0, "%d KiB/s", q.BytesPerSecond>>10)
	return "packets " + strings.Join(parts, ", ")
}

// Disturbance is a fault of a network: links that carry packets late, in another order, twice, slowly or not at all. The
// router sends what passes them through this process, which is the router's worst part.
type Disturbance struct {
	Quality Quality
	Links   []Link

	net    *Network
	random *rand.Rand

	tunnel  *os.File
	table   int64
	carrier *carrier
	effects Effects
}

var _ Fault = (*Disturbance)(nil)

// Disturb makes links worse; those of the shape of a cut say (Cut.Links).
func (n *Network) Disturb(q Quality, random *rand.Rand, links ...Link) *Disturbance {
	return &Disturbance{Quality: q, Links: links, net: n, random: random}
}

func (d *Disturbance) Name() string { return fmt.Sprintf("%v on the links %v", d.Quality, d.Links) }

func (d *Disturbance) Missing() error {
	if err := missingNetwork(); err != nil {
		return err
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return fmt.Errorf("no tunnels: %w; in a container give it the device", err)
	}
	return nil
}

// tableFirst is above the numbers of the tables for routes that a machine has by itself, 253 to 255.
const tableFirst = 1000

func (d *Disturbance) Begin() error {
	if len(d.Links) == 0 {
		return fmt.Errorf("%s: no link to disturb", d.Quality)
	}
	d.table = tableFirst + d.net.faults.Add(1)
	name := fmt.Sprint("tun-", d.table)
	var err error
	if d.tunnel, err = openTunnel(d.net.routerName(), name); err != nil {
		return err
	}
	d.carrier = newCarrier(d.tunnel, d.Quality, d.random)
	// What comes out of the tunnel again did not come from a host, so it goes its usual way.
	err = d.routes(fmt.Sprintf("link set %s up\nroute add default dev %[1]s table %d\n", name, d.table), "add")
	if err != nil {
		return errors.Join(err, d.End())
	}
	return nil
}

// routes says for each link that its packets go into the tunnel, or do no longer.
func (d *Disturbance) routes(first, verb string) error {
	lines := first
	for _, l := range d.Links {
		lines += fmt.Sprintf("rule %s from %s to %s iif %s lookup %d\n", verb, d.net.IP(l.From), d.net.IP(l.To), link(l.From), d.table)
	}
	_, err := commandWith(lines, "ip", "-n", d.net.routerName(), "-batch", "-")
	return err
}

// End lets packets pass again. Those that are held arrive at once. The interface goes with the file, and its route too.
func (d *Disturbance) End() error {
	err := d.routes("", "del")
	d.effects = d.carrier.stop()
	return errors.Join(err, d.tunnel.Close())
}

// Effects counts packets.
type Effects struct{ Carried, Delayed, Overtaken, Lost, Twice int }

// Effects is what became of packets. It is asked after the end.
func (d *Disturbance) Effects() Effects { return d.effects }

func (d *Disturbance) TookEffect() error {
	if e := d.effects; e.Delayed+e.Lost+e.Twice == 0 {
		return fmt.Errorf("nothing happened to %d packets", e.Carried)
	}
	return nil
}
