package respserver

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/command/conformance"
	"github.com/holtcache/holt/gateway/resp"
)

// channelScripts are commands of connections a and b, one after another. Of several patterns one matches: Redis gives messages to
// them in the order of a hash table.
var channelScripts = []string{
	"a SUBSCRIBE x y x|b PUBLISH x 1|b PUBLISH y 2|b PUBLISH z 3|a UNSUBSCRIBE x|b PUBLISH x 4|b PUBLISH y 5|a UNSUBSCRIBE|b PUBLISH y 6|a GET k",
	"a PSUBSCRIBE n* *t|b PUBLISH news 1|a SUBSCRIBE news|b PUBLISH news 2|b PUBLISH t 3|a PUNSUBSCRIBE n*|b PUBLISH news 3|a PUNSUBSCRIBE|a PUNSUBSCRIBE q|b PUBLISH news 4|a UNSUBSCRIBE",
	"a SSUBSCRIBE {s}1 {s}2|b SPUBLISH {s}1 1|b SPUBLISH {s}3 1|b PUBLISH {s}1 2|a SUBSCRIBE c|a SUNSUBSCRIBE {s}1|b SPUBLISH {s}1 3|b SPUBLISH {s}2 4|a SUNSUBSCRIBE|a SUNSUBSCRIBE|a UNSUBSCRIBE",
	"a UNSUBSCRIBE|a PUNSUBSCRIBE|a SUNSUBSCRIBE|a UNSUBSCRIBE p q|a PUNSUBSCRIBE p q|a SUNSUBSCRIBE p|a PING",
	"a SUBSCRIBE x|a GET k|a SET k 1|a PUBLISH x 1|a CLIENT GETNAME|a MULTI|a DISCARD|a EXEC|a ECHO 1|a PUBSUB NUMPAT|a NOSUCH 1|a GET|a PING|a PING hello|a PING 1 2|a SUBSCRIBE|a PSUBSCRIBE p|a SSUBSCRIBE s|a RESET|a GET k|b PUBLISH x 1|b SPUBLISH s 1|b PUBSUB NUMPAT",
	"a SUBSCRIBE x|b SUBSCRIBE x|b RESET|b PUBSUB CHANNELS|b PUBSUB CHANNELS x*|b PUBSUB CHANNELS y*|b PUBSUB CHANNELS x y|b PUBSUB NUMSUB|b PUBSUB NUMSUB x y x|b PUBSUB NUMPAT|b PUBSUB NUMPAT 1|b PUBSUB|b PUBSUB NOSUCH|b PUBSUB SHARDCHANNELS|a SSUBSCRIBE s|b PUBSUB SHARDCHANNELS|b PUBSUB SHARDCHANNELS q|b PUBSUB SHARDNUMSUB s q",
	"a MULTI|a SUBSCRIBE x y|a UNSUBSCRIBE x|a EXEC|b PUBLISH y 1|a GET k|a UNSUBSCRIBE",
	"a MULTI|a SSUBSCRIBE {s}1|a SUNSUBSCRIBE {s}1|a EXEC|b SPUBLISH {s}1 1|a GET k",
	"a PSUBSCRIBE *|b MULTI|b PUBLISH x 1|b SET k v|b PUBLISH y 2|b SPUBLISH {k}s 3|b GET k|b EXEC|b MULTI|b PUBLISH x 1|b DISCARD|b MULTI|b PUBLISH x|b EXEC",
	"a SUBSCRIBE x|a QUIT",
	"a SSUBSCRIBE {s}1 t|b SPUBLISH t 1|a SUNSUBSCRIBE {s}1 t|a MULTI|a SET s 1|a SPUBLISH s 1|a EXEC|a MULTI|a SPUBLISH s 1|a SPUBLISH s 1|a EXEC",
	"a PUBLISH x|a PUBLISH x y z|a SPUBLISH x|a PUBLISH x y|a SPUBLISH x y|a SSUBSCRIBE",
	"a HELLO 3|a SUBSCRIBE x|a PUBLISH x 1|a SSUBSCRIBE s|a SPUBLISH s 2|a PSUBSCRIBE x*|a PUBLISH x 3|a GET k|a HELLO 2|a GET k|b PUBLISH x 4|a PING|a UNSUBSCRIBE x|a PUNSUBSCRIBE x*|a SUNSUBSCRIBE s|a GET k",
	"a HELLO 3|a SUBSCRIBE x|a MULTI|a PING|a GET k|a EXEC|b PUBLISH x 1|a RESET|b PUBLISH x 2",
}

// The goal: who listens and who publishes cannot tell Holt from Redis. The method: two connections send the same commands to both;
// after each, what has come at both connections is compared to the byte.
func TestListenersAndPublishersGetWhatRedisSends(t *testing.T) {
	socket := conformance.StartRedis(t)
	for proto := 2; proto <= 3; proto++ {
		for _, script := range channelScripts {
			f := start(t, fixtureConfig{})
			redis, holt := openBoth(t, "unix", socket, proto), openBoth(t, "tcp", f.addr, proto)
			for _, step := range strings.Split(script, "|") {
				want, got := redis.step(step), holt.step(step)
				if got != want && !strings.Contains(step, "HELLO") { // whose reply names versions
					t.Errorf("RESP%d: %s: after %s\n got %q\nwant %q", proto, script, step, got, want)
					break
				}
			}
			redis.both[0].close()
			redis.both[1].close()
		}
	}
}

// pair is two connections to one server.
type pair struct{ both [2]*talker }

func openBoth(t *testing.T, network, addr string, proto int) *pair {
	p := &pair{}
	for i := range p.both {
		p.both[i] = openTalker(t, network, addr, proto)
	}
	p.step("a DEL k")
	return p
}

// step sends a command over one connection and returns what has come at both by then.
func (p *pair) step(step string) string {
	who, line, _ := strings.Cut(step, " ")
	sender, other := p.both[0], p.both[1]
	if who == "b" {
		sender, other = other, sender
	}
	return fmt.Sprintf("%s / %s", sender.say(line), other.settled())
}

// talker is a connection that notes what comes.
type talker struct {
	t     *testing.T
	conn  net.Conn
	multi bool
	pings int
	over  bool
}

func openTalker(t *testing.T, network, addr string, proto int) *talker {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	a := &talker{t: t, conn: conn}
	t.Cleanup(a.close)
	if proto == 3 {
		a.send("HELLO 3")
		a.settled()
	}
	return a
}

func (a *talker) close() { _ = a.conn.Close() }

func (a *talker) send(line string) {
	a.t.Helper()
	var args [][]byte
	for _, word := range strings.Fields(line) {
		args = append(args, []byte(word))
	}
	_ = a.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := a.conn.Write(resp.AppendCommand(nil, args...)); err != nil {
		a.t.Fatalf("send %s: %v", line, err)
	}
}

// say sends a command and returns what comes until it is done.
func (a *talker) say(line string) string {
	a.t.Helper()
	a.send(line)
	switch strings.ToUpper(line) {
	case "QUIT":
		a.over = true
		var all bytes.Buffer
		_, _ = all.ReadFrom(a.conn)
		return all.String() + "(over)"
	case "EXEC", "DISCARD", "RESET":
		a.multi = false
	}
	if a.multi {
		return a.until("\r\n")
	}
	came := a.settled()
	if strings.ToUpper(line) == "MULTI" && strings.HasSuffix(came, "+QUEUED\r\n") {
		a.multi = true
	}
	return came
}

// settled returns what has come so far: it asks for an answer that nothing else is, and takes that off.
func (a *talker) settled() string {
	a.t.Helper()
	if a.over || a.multi {
		return ""
	}
	a.pings++
	token := fmt.Sprintf("sentinel-%d", a.pings)
	a.send("PING " + token)
	return strings.ReplaceAll(a.until(token+"\r\n", "+QUEUED\r\n"), token, "")
}

// until reads until what has come ends so.
func (a *talker) until(ends ...string) string {
	a.t.Helper()
	var came []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := a.conn.Read(buf)
		came = append(came, buf[:n]...)
		for _, end := range ends {
			if bytes.HasSuffix(came, []byte(end)) {
				return string(came)
			}
		}
		if err != nil {
			a.t.Fatalf("after %q: %v", came, err)
		}
	}
}
