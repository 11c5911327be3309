package nemesis

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echoAddr in the environment makes this program an echo server on TCP and UDP at an address. Told "tcp ADDR
// TIME" or "udp ADDR TIME" by TCP it asks another one, waits so long, and says what came of that.
const echoAddr = "HOLT_NEMESIS_ECHO"

const (
	// eventuallyMax is how long what shall happen is waited for. Only what is broken takes it.
	eventuallyMax = 30 * time.Second
	// neverMax is how long an echo is waited for that shall not come.
	neverMax = 200 * time.Millisecond
)

func serveEcho(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	udp, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	go func() {
		packet := make([]byte, 1<<10)
		for {
			if size, from, err := udp.ReadFrom(packet); err == nil {
				_, _ = udp.WriteTo(packet[:size], from)
			}
		}
	}()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				answer := lines.Text()
				if words := strings.Fields(answer); len(words) == 3 {
					answer = said(echoFor(words[0], words[1], words[2]))
				}
				if _, err := fmt.Fprintln(conn, answer); err != nil {
					return
				}
			}
		}()
	}
}

func said(err error) string {
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", " ")
	}
	return "ok"
}

func echoFor(protocol, addr, patience string) error {
	d, err := time.ParseDuration(patience)
	if err != nil {
		return err
	}
	return echo(protocol, addr, d)
}

// echo sends a line and wants it back.
func echo(protocol, addr string, patience time.Duration) error {
	end := time.Now().Add(patience)
	conn, err := (&net.Dialer{Deadline: end}).Dial(protocol, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	return echoOn(conn, "hello", end)
}

func echoOn(conn net.Conn, line string, end time.Time) error {
	if err := conn.SetDeadline(end); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return err
	}
	got, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	if got != line+"\n" {
		return fmt.Errorf("echo of %q is %q", line, got)
	}
	return nil
}

// echoes are a network with an echo server on each host.
type echoes struct {
	*Network
	t *testing.T
}

const echoPort = 7

func startEchoes(t *testing.T, hosts int) *echoes {
	t.Helper()
	e := &echoes{NewNetwork(t, hosts), t}
	for host := 1; host <= hosts; host++ {
		args := append(e.Under(host), os.Args[0])
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), echoAddr+"="+e.addr(host))
		cmd.Stderr = os.Stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		must(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
	for host := 1; host <= hosts; host++ {
		eventually(t, func() error { return echo("tcp", e.addr(host), eventuallyMax) })
	}
	return e
}

func (e *echoes) addr(host int) string { return fmt.Sprintf("%s:%d", e.IP(host), echoPort) }

// ask lets a host ask another one; from Clients it is this process that asks.
func (e *echoes) ask(protocol string, l Link, patience time.Duration) string {
	e.t.Helper()
	if l.From == Clients {
		return said(echo(protocol, e.addr(l.To), patience))
	}
	conn, err := net.Dial("tcp", e.addr(l.From))
	must(e.t, err)
	defer conn.Close()
	must(e.t, conn.SetDeadline(time.Now().Add(2*eventuallyMax)))
	_, err = fmt.Fprintln(conn, protocol, e.addr(l.To), patience)
	must(e.t, err)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	must(e.t, err)
	return strings.TrimSpace(answer)
}

func eventually(t *testing.T, condition func() error) {
	t.Helper()
	for end := time.Now().Add(eventuallyMax); ; time.Sleep(time.Millisecond) {
		err := condition()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
