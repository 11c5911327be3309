package nemesis

import (
	"container/heap"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// carrier takes packets out of a tunnel and puts them back, later.
type carrier struct {
	tunnel  *os.File
	quality Quality
	random  *rand.Rand // of the goroutine that reads

	wg     sync.WaitGroup
	wake   chan struct{} // a packet has come that is due before the others
	ending chan struct{}

	mu      sync.Mutex // protects the fields below; not held while packets are written
	held    packets
	arrived int
	free    map[string]time.Time // when the last packet of a link will have gone through
	effects Effects
}

// packet is one that is held.
type packet struct {
	data    []byte
	due     time.Time
	arrived int // counts packets
}

// queueMax is how long a packet may wait for those before it where the bandwidth is limited.
const queueMax = 500 * time.Millisecond

func newCarrier(tunnel *os.File, q Quality, random *rand.Rand) *carrier {
	c := &carrier{
		tunnel: tunnel, quality: q, random: random, free: map[string]time.Time{},
		wake: make(chan struct{}, 1), ending: make(chan struct{}),
	}
	c.wg.Go(c.receive)
	c.wg.Go(c.send)
	return c
}

// stop sends what is held and returns when nothing runs any more.
func (c *carrier) stop() Effects {
	_ = c.tunnel.SetReadDeadline(time.Unix(1, 0)) // it fails only where the file is closed, and then nobody reads
	close(c.ending)
	c.wg.Wait()
	return c.effects
}

const packetBytesMax = 1 << 16

func (c *carrier) receive() {
	buf := make([]byte, packetBytesMax)
	for {
		size, err := c.tunnel.Read(buf)
		if err != nil {
			return
		}
		if size < 20 || buf[0]>>4 != 4 {
			continue // IPv6 looks for neighbours
		}
		c.hold(append([]byte(nil), buf[:size]...), time.Now())
	}
}

// hold draws what becomes of a packet.
func (c *carrier) hold(data []byte, now time.Time) {
	lost := c.random.Float64() < c.quality.Loss
	copies := 1
	if c.random.Float64() < c.quality.Duplicates {
		copies = 2
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.effects.Carried++
	out, full := c.through(data, now)
	if lost || full {
		c.effects.Lost++
		return
	}
	c.effects.Twice += copies - 1
	for range copies {
		due := out.Add(c.quality.Delay)
		if c.quality.Jitter > 0 {
			due = due.Add(time.Duration(c.random.Int64N(int64(c.quality.Jitter))))
		}
		if due.After(now) {
			c.effects.Delayed++
		}
		c.arrived++
		heap.Push(&c.held, packet{data, due, c.arrived})
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// through is when a packet has passed the narrow part of its link.
func (c *carrier) through(data []byte, now time.Time) (at time.Time, full bool) {
	if c.quality.BytesPerSecond == 0 {
		return now, false
	}
	link := string(data[12:20]) // source and destination
	at = c.free[link]
	if at.Before(now) {
		at = now
	}
	if at.Sub(now) > queueMax {
		return at, true
	}
	at = at.Add(time.Duration(len(data)) * time.Second / time.Duration(c.quality.BytesPerSecond))
	c.free[link] = at
	return at, false
}

func (c *carrier) send() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ending := false; ; {
		p, wait, any := c.next(ending)
		switch {
		case any && wait <= 0:
			_, _ = c.tunnel.Write(p.data) // a packet that the kernel does not take is a lost one
			continue
		case ending:
			return
		case any:
			timer.Reset(wait)
		default:
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-c.wake:
		case <-c.ending:
			ending = true
		}
	}
}

// next takes the packet that is due first, or says how long it has to wait.
func (c *carrier) next(ending bool) (p packet, wait time.Duration, any bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.held) == 0 {
		return packet{}, 0, false
	}
	if wait = time.Until(c.held[0].due); wait > 0 && !ending {
		return packet{}, wait, true
	}
	p = heap.Pop(&c.held).(packet)
	for _, other := range c.held {
		if other.arrived < p.arrived {
			c.effects.Overtaken++
			break
		}
	}
	return p, 0, true
}

// packets are a heap; the first is due first.
type packets []packet

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	if p[i].due.Equal(p[j].due) {
		return p[i].arrived < p[j].arrived
	}
	return p[i].due.Before(p[j].due)
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	last := len(*p) - 1
	x := (*p)[last]
	*p = (*p)[:last]
	return x
}
