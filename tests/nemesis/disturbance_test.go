package nemesis

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

// burst sends so many numbered packets from the clients to a host and returns the numbers that come back, in their order. It
// goes on waiting until as many have come as there shall be, and where that is not known for neverMax.
func (e *echoes) burst(host, count, sizeBytes, want int) []int {
	e.t.Helper()
	conn, err := net.Dial("udp", e.addr(host))
	must(e.t, err)
	defer conn.Close()
	for i := range count {
		data := make([]byte, sizeBytes)
		copy(data, fmt.Sprint(i))
		_, err := conn.Write(data)
		must(e.t, err)
	}
	var got []int
	for len(got) != want {
		patience := eventuallyMax
		if want < 0 {
			patience = neverMax
		}
		must(e.t, conn.SetReadDeadline(time.Now().Add(patience)))
		data := make([]byte, sizeBytes)
		if _, err := conn.Read(data); err != nil {
			if os.IsTimeout(err) && want < 0 {
				break
			}
			e.t.Fatalf("%d of %d packets: %v", len(got), want, err)
		}
		number := 0
		_, err := fmt.Sscan(string(data), &number)
		must(e.t, err)
		got = append(got, number)
	}
	return got
}

func drawn() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func TestDelayedPacketsArriveLateAndOutOfOrder(t *testing.T) {
	e := startEchoes(t, 2)
	const count = 100
	delay := 20 * time.Millisecond
	d := e.Disturb(Quality{Delay: delay, Jitter: delay}, drawn(), e.ClientLinks().Links...)
	During(t, d, func() {
		began := time.Now()
		got := e.burst(1, count, 100, count)
		if took := time.Since(began); took < 2*delay {
			t.Errorf("answers came after %v, want at least %v", took, 2*delay)
		}
		if slices.IsSorted(got) {
			t.Error("all packets arrived in order")
		}
		slices.Sort(got)
		if len(slices.Compact(got)) != count {
			t.Errorf("%d packets arrived, want each of %d once", len(got), count)
		}
		if got := e.ask("tcp", Link{Clients, 2}, eventuallyMax); got != "ok" {
			t.Errorf("tcp: %s", got)
		}
	})
	if f := d.Effects(); f.Overtaken == 0 || f.Delayed != f.Carried || f.Lost+f.Twice > 0 {
		t.Errorf("effects: %+v", f)
	}
}

func TestLostAndDoubledPackets(t *testing.T) {
	e := startEchoes(t, 1)
	d := e.Disturb(Quality{Loss: 0.3, Duplicates: 0.3}, drawn(), Link{Clients, 1})
	const count = 200
	During(t, d, func() {
		got := e.burst(1, count, 100, -1)
		all := len(got)
		slices.Sort(got)
		once := len(slices.Compact(got))
		if once == 0 || once == count {
			t.Errorf("%d of %d packets arrived, want some", once, count)
		}
		if all == once {
			t.Error("none arrived twice")
		}
	})
	if f := d.Effects(); f.Carried != count || f.Lost == 0 || f.Twice == 0 || f.Delayed > 0 {
		t.Errorf("effects: %+v", f)
	}
}

func TestNarrowLinkDelaysAndThenLoses(t *testing.T) {
	e := startEchoes(t, 1)
	d := e.Disturb(Quality{BytesPerSecond: 50 << 10}, drawn(), Link{Clients, 1})
	During(t, d, func() {
		if got := e.burst(1, 100, 1000, -1); len(got) == 0 || len(got) > 50 {
			t.Errorf("%d packets of 100 KB arrived by a link that holds 25", len(got))
		}
	})
	if f := d.Effects(); f.Delayed == 0 || f.Lost == 0 {
		t.Errorf("effects: %+v", f)
	}
}

func TestEndOfADisturbanceReleasesWhatItHolds(t *testing.T) {
	e := startEchoes(t, 2)
	d := e.Disturb(Quality{Delay: time.Hour}, drawn(), Link{1, 2})
	Need(t, d)
	answer := make(chan string)
	must(t, d.Begin())
	go func() { answer <- e.ask("udp", Link{1, 2}, eventuallyMax) }()
	eventually(t, func() error {
		d.carrier.mu.Lock()
		defer d.carrier.mu.Unlock()
		if len(d.carrier.held) == 0 {
			return fmt.Errorf("no packet is held")
		}
		return nil
	})
	must(t, d.End())
	if got := <-answer; got != "ok" {
		t.Error(got)
	}
	must(t, d.TookEffect())
}

func TestDisturbanceOfASilentLinkHadNoEffect(t *testing.T) {
	e := startEchoes(t, 2)
	d := e.Disturb(Quality{Loss: 1}, drawn(), Link{1, 2})
	Need(t, d)
	must(t, d.Begin())
	if got := e.ask("udp", Link{Clients, 2}, eventuallyMax); got != "ok" {
		t.Error(got)
	}
	must(t, d.End())
	if d.TookEffect() == nil {
		t.Errorf("effects: %+v", d.Effects())
	}
}
