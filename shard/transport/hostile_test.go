package transport

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever comes in costs its connection and nothing else: the good connection of node a lives through it.
func TestHostileBytesCostTheConnectionOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, agree)
		if _, err := sendVote(a, "b", 2); err != nil {
			t.Fatal(err)
		}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		rng := rand.New(rand.NewPCG(seed, 1))
		random := func(n int) []byte {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
			return p
		}
		hi := func(kind connKind) []byte {
			h := hello{protocolVersion, "cluster-1", "x", "b", 200 * time.Millisecond, kind}
			return appendFrame(nil, frameHello, 0, func(b []byte) []byte { return appendHello(b, h) })
		}
		with := func(kind connKind, p []byte) []byte { return append(hi(kind), p...) }
		huge := binary.LittleEndian.AppendUint32(nil, 0xffffffff)
		inputs := [][]byte{
			nil, {0}, huge, []byte("GET / HTTP/1.1\r\n\r\n"), hi(control)[:9],
			appendFrame(nil, framePing, 1, nil), // before the handshake
			with(control, huge), with(data, huge), with(control, []byte{0, 0, 0, 0, 1}), with(data, []byte{1, 0, 0, 0, 1}),
			with(control, appendFrame(nil, frameHello, 1, nil)), with(control, appendFrame(nil, frameAppend, 1, nil)),
			with(data, appendFrame(nil, frameVote, 1, nil)), with(data, appendFrame(nil, 255, 1, nil)),
			with(control, appendFrame(nil, frameConfirm, 1, func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0xff) })),
			with(control, appendFrame(nil, frameHeartbeats, 1, func(b []byte) []byte { return append(b, 0xff, 0xff, 0xff, 0x7f) })),
			with(data, appendFrame(nil, frameSnapshotBegin, 1, nil)),
			with(data, appendFrame(nil, frameStamps, 1, nil)), with(control, appendFrame(nil, frameStamps, 1, nil)),
			with(data, appendFrame(nil, frameStamps, 1, func(b []byte) []byte { return append(b, random(200)...) })),
			with(data, appendFrame(nil, frameStamps, 1, func(b []byte) []byte {
				return appendStamps(b, stampsMessage{group: 1, portion: make([]byte, StampsBytesMax+1)})
			})),
			with(data, appendFrame(nil, frameAppend, 1, func(b []byte) []byte { return append(b, random(200)...) })),
		}
		for range 200 {
			inputs = append(inputs, random(rng.IntN(100)), with(control, random(rng.IntN(100))), with(data, random(rng.IntN(100))))
		}
		for _, in := range inputs {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = ours.Write(in) // the other end may hang up at any byte
				_ = ours.SetReadDeadline(time.Now().Add(time.Millisecond))
				_, _ = io.Copy(io.Discard, ours)
				_ = ours.Close()
			}()
			b.t.Serve(theirs) // returns
		}
		if _, err := sendVote(a, "b", 3); err != nil {
			t.Errorf("vote on the good connection: %v", err)
		}
		if got := a.t.Stats(); got.Connects != 1 || got.Timeouts != 0 {
			t.Errorf("the good connection suffered: %+v", got)
		}
		if got := b.t.Stats(); got.BadConns < 10 || got.ConnsInOpen != 1 {
			t.Errorf("BadConns = %d, ConnsInOpen = %d; want at least 10, and 1", got.BadConns, got.ConnsInOpen)
		}
	})
}

// A length field alone allocates nothing near what it says.
func TestHugeLengthCostsNoMemory(t *testing.T) {
	var before, after runtime.MemStats
	head := binary.LittleEndian.AppendUint32(nil, dataFrameBytesMax)
	head = append(head, byte(frameAppend), 0, 0, 0, 0, 0, 0, 0, 0)
	runtime.ReadMemStats(&before)
	_, err := readFrame(bytes.NewReader(append(head, 1, 2, 3)), dataFrameBytesMax, nil)
	runtime.ReadMemStats(&after)
	if err == nil {
		t.Error("a frame of 3 bytes was accepted as one of 1 GiB")
	}
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 16<<20 {
		t.Errorf("%d bytes allocated", spent)
	}
}

func TestLargeFrameArrivesWhole(t *testing.T) {
	want := make([]byte, 5<<20+7)
	for i := range want {
		want[i] = byte(i * 31 >> 3)
	}
	stream := appendFrame(nil, frameSnapshotChunk, 9, func(b []byte) []byte { return append(b, want...) })
	f, err := readFrame(bytes.NewReader(stream), dataFrameBytesMax, nil)
	if err != nil || f.kind != frameSnapshotChunk || f.id != 9 || !bytes.Equal(f.body, want) {
		t.Errorf("kind %d id %d, %d bytes, %v", f.kind, f.id, len(f.body), err)
	}
}
