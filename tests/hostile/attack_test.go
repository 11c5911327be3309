package hostile

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// An attack has to reach its target, in whatever manner, and to leave nothing behind when it ends.
func TestAttacksEndWithTheirContext(t *testing.T) {
	for manner := Over; manner <= Sip; manner++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		var got atomic.Int64
		var serving sync.WaitGroup
		serving.Go(func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				serving.Go(func() {
					defer conn.Close()
					_, _ = io.WriteString(conn, "an answer")
					for buffer := make([]byte, 1<<10); ; {
						n, err := conn.Read(buffer)
						if got.Add(int64(n)) > 3*int64(len("attack")) {
							end()
						}
						if err != nil {
							return
						}
					}
				})
			}
		})
		Attack{Name: "all", Send: "attack", Conns: 4, Manner: manner}.Run(ctx, l.Addr().String())
		if ctx.Err() == nil {
			t.Errorf("manner %d: the attack ended by itself", manner)
		}
		l.Close()
		serving.Wait()
		end()
	}
}

func TestAttacksHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, a := range Attacks("big") {
		if seen[a.Name] || a.Send == "" || a.Conns < 1 || a.Port == 0 || a.Manner == 0 {
			t.Errorf("%q: twice, or without something", a.Name)
		}
		seen[a.Name] = true
	}
}
