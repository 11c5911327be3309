package nemesis

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Of each shape, the links between five hosts that still carry an echo: both directions have to be open for one.
func TestCutsLeaveTheLinksOfTheirShape(t *testing.T) {
	e := startEchoes(t, 5)
	for _, c := range []struct {
		cut  *Cut
		want string // pairs that hear each other, 0 being the clients
	}{
		{e.Isolate(2), "01 02 03 04 05 13 14 15 34 35 45"},
		{e.Unplug(2), "01 03 04 05 13 14 15 34 35 45"},
		{e.Mute(3), "01 02 03 04 05 12 14 15 24 25 45"},
		{e.Deaf(3), "01 02 03 04 05 12 14 15 24 25 45"},
		{e.OneWay(1, 5), "01 02 03 04 05 12 13 14 23 24 25 34 35 45"},
		{e.Pair(4, 2), "01 02 03 04 05 12 13 14 15 23 25 34 35 45"},
		{e.Split([]int{1, 2}, []int{3}), "01 02 03 04 05 12 14 15 24 25 34 35 45"},
		{e.Minority(5), "01 02 03 04 05 15 23 24 34"},
		{e.Majority(4), "01 02 03 04 05 14 15 23 45"},
		{e.Bridge(1), "01 02 03 04 05 12 13 14 15 23 45"},
		{e.Ring(), "01 02 03 04 05 12 15 23 34 45"},
		{e.HostLinks(), "01 02 03 04 05"},
		{e.ClientLinks(4, 1), "02 03 05 12 13 14 15 23 24 25 34 35 45"},
		{e.ClientLinks(), "12 13 14 15 23 24 25 34 35 45"},
	} {
		During(t, c.cut, func() {
			if got := e.open(c.cut, c.want); got != c.want {
				t.Errorf("%s: open are %s, want %s", c.cut.Name(), got, c.want)
			}
		})
	}
	const all = "01 02 03 04 05 12 13 14 15 23 24 25 34 35 45"
	if got := e.open(&Cut{}, all); got != all {
		t.Errorf("after all cuts: open are %s, want %s", got, all)
	}
}

// open lists the pairs of which the lower one gets an echo. Those that shall are waited for. A host that the clients can't
// reach is asked by the router, from where no link is cut.
func (e *echoes) open(c *Cut, want string) string {
	var mu sync.Mutex
	var open []string
	var wg sync.WaitGroup
	for from := Clients; from <= e.hosts; from++ {
		for to := from + 1; to <= e.hosts; to++ {
			wg.Go(func() {
				pair, patience := fmt.Sprintf("%d%d", from, to), neverMax
				if strings.Contains(want, pair) {
					patience = eventuallyMax
				}
				ask := e.ask
				if from != Clients && slices.Contains(c.Links, Link{Clients, from}) {
					ask = e.askByRouter
				}
				if ask("udp", Link{from, to}, patience) == "ok" {
					mu.Lock()
					open = append(open, pair)
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	slices.Sort(open)
	return strings.Join(open, " ")
}

func (e *echoes) askByRouter(protocol string, l Link, patience time.Duration) string {
	script := fmt.Sprintf(`exec 3<>/dev/tcp/%s/%d; echo "%s %s %v" >&3; read -r answer <&3; echo "$answer"`, e.IP(l.From), echoPort, protocol, e.addr(l.To), patience)
	args := append(under(e.routerName()), "bash", "-c", script)
	out, err := exec.Command(args[0], args[1:]...).Output()
	if err != nil {
		e.t.Error(err)
	}
	return strings.TrimSpace(string(out))
}

// What is sent in a cut direction is lost, and what is sent in the other arrives: an established connection carries a
// request there, and no answer back.
func TestOneWayCutsOneDirection(t *testing.T) {
	e := startEchoes(t, 2)
	cut := e.OneWay(2, 1)
	During(t, cut, func() {
		for _, l := range []Link{{1, 2}, {2, 1}} {
			if got := e.ask("udp", l, neverMax); !strings.Contains(got, "timeout") {
				t.Errorf("%v: %s, want a timeout", l, got)
			}
		}
	})
	// The echo to host 1 is lost, and the request from host 2; nothing that host 1 sends is.
	if d := cut.Dropped(); d[Link{2, 1}] != 2 || len(d) != 1 {
		t.Errorf("dropped: %v, want two packets of 2->1", d)
	}
}

func TestRefusingCutResetsTCP(t *testing.T) {
	e := startEchoes(t, 2)
	During(t, e.Isolate(1).Refusing(), func() {
		if got := e.ask("tcp", Link{2, 1}, eventuallyMax); !strings.Contains(got, "refused") {
			t.Errorf("tcp: %s, want a refusal", got)
		}
		if got := e.ask("udp", Link{1, 2}, neverMax); !strings.Contains(got, "timeout") {
			t.Errorf("udp: %s, want a timeout", got)
		}
	})
	if got := e.ask("tcp", Link{1, 2}, eventuallyMax); got != "ok" {
		t.Error(got)
	}
}

func TestCutsOverlap(t *testing.T) {
	e := startEchoes(t, 3)
	first, second := e.Isolate(1), e.Pair(1, 2)
	must(t, first.Begin())
	must(t, second.Begin())
	must(t, first.End())
	if got := e.ask("udp", Link{1, 2}, neverMax); got == "ok" {
		t.Error("the end of one cut ended the other")
	}
	if got := e.ask("udp", Link{1, 3}, eventuallyMax); got != "ok" {
		t.Errorf("what only the first had cut: %s", got)
	}
	must(t, second.End())
	if err := second.TookEffect(); err != nil {
		t.Error(err)
	}
}

func TestCutOfASilentLinkHadNoEffect(t *testing.T) {
	e := startEchoes(t, 2)
	cut := e.Isolate(1)
	must(t, cut.Begin())
	if got := e.ask("udp", Link{Clients, 1}, eventuallyMax); got != "ok" {
		t.Error(got)
	}
	must(t, cut.End())
	if err := cut.TookEffect(); err == nil {
		t.Errorf("it dropped %v", cut.Dropped())
	}
}

func TestCutOfNothingDoesNotBegin(t *testing.T) {
	if err := (&Network{hosts: 3}).Ring().Begin(); err == nil {
		t.Error("three hosts in a ring are all neighbours, yet something was cut")
	}
}
