package gossip

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

var testTag = tagOf("cluster-a")

func sampleNode() Node {
	return Node{
		Start: 7, Epoch: 1 << 40, Zone: "zone-1",
		RESP: "10.0.0.1:6379", GRPC: "10.0.0.1:6380", Cluster: "10.0.0.1:6381", HTTP: "", Gossip: "[fd00::1]:6382",
	}
}

func sampleHints() hints {
	return hints{
		leaders:    []Leader{{Shard: 0, Term: 1, Node: "n1"}, {Shard: 1 << 60, Term: 9}},
		departures: []departure{{node: "n2", start: 3}},
	}
}

func TestDecodeReturnsWhatWasEncoded(t *testing.T) {
	node, err := decodeMeta(testTag, encodeMeta(testTag, sampleNode()))
	if err != nil || node != sampleNode() {
		t.Errorf("metadata: got %+v, %v; want %+v", node, err, sampleNode())
	}
	h := sampleHints()
	for _, c := range []struct {
		name string
		b    []byte
		want hints
	}{
		{"leader", encodeLeader(testTag, h.leaders[0]), hints{leaders: h.leaders[:1]}},
		{"departure", encodeDeparture(testTag, h.departures[0]), hints{departures: h.departures}},
		{"state", encodeState(testTag, h), h},
		{"empty state", encodeState(testTag, hints{}), hints{}},
	} {
		got, err := decodeHints(testTag, c.b)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
}

func TestDecodeRefusesOtherClusters(t *testing.T) {
	other := tagOf("cluster-b")
	if _, err := decodeMeta(testTag, encodeMeta(other, sampleNode())); !errors.Is(err, errForeign) {
		t.Errorf("metadata: got %v, want %v", err, errForeign)
	}
	if _, err := decodeHints(testTag, encodeState(other, sampleHints())); !errors.Is(err, errForeign) {
		t.Errorf("state: got %v, want %v", err, errForeign)
	}
}

// Every proper prefix of a message and every message with a byte too much must be refused.
func TestDecodeRefusesTruncatedAndTrailingBytes(t *testing.T) {
	meta := encodeMeta(testTag, sampleNode())
	state := encodeState(testTag, sampleHints())
	for n := range meta {
		if _, err := decodeMeta(testTag, meta[:n]); !errors.Is(err, errMalformed) {
			t.Errorf("metadata cut at %d: got %v, want %v", n, err, errMalformed)
		}
	}
	for n := range state {
		if _, err := decodeHints(testTag, state[:n]); !errors.Is(err, errMalformed) {
			t.Errorf("state cut at %d: got %v, want %v", n, err, errMalformed)
		}
	}
	if _, err := decodeMeta(testTag, append(meta, 0)); !errors.Is(err, errMalformed) {
		t.Errorf("metadata with a trailing byte: got %v, want %v", err, errMalformed)
	}
	if _, err := decodeHints(testTag, append(state, 0)); !errors.Is(err, errMalformed) {
		t.Errorf("state with a trailing byte: got %v, want %v", err, errMalformed)
	}
}

func TestDecodeIgnoresFieldsThatANewerVersionAppends(t *testing.T) {
	b := append(encodeMeta(testTag, sampleNode()), "more"...)
	b[0] = wireVersion + 1
	if node, err := decodeMeta(testTag, b); err != nil || node != sampleNode() {
		t.Errorf("got %+v, %v; want %+v", node, err, sampleNode())
	}
}

// Whatever is announced is printed in lines of CLUSTER NODES and in logs.
func TestDecodeRefusesTextThatWouldBreakALine(t *testing.T) {
	for _, bad := range []string{"a b:1", "a\n:1", "a,b", "\x00", "ü:1", strings.Repeat("a", textBytesMax+1)} {
		n := sampleNode()
		n.RESP = bad
		if _, err := decodeMeta(testTag, encodeMeta(testTag, n)); !errors.Is(err, errMalformed) {
			t.Errorf("address %q: got %v, want %v", bad, err, errMalformed)
		}
	}
	for _, bad := range []string{"", "a b", "a/b", strings.Repeat("a", idBytesMax+1)} {
		if _, err := decodeHints(testTag, encodeDeparture(testTag, departure{node: bad, start: 1})); !errors.Is(err, errMalformed) {
			t.Errorf("node id %q: got %v, want %v", bad, err, errMalformed)
		}
	}
	if _, err := decodeHints(testTag, encodeLeader(testTag, Leader{Shard: 1, Node: "n"})); !errors.Is(err, errMalformed) {
		t.Errorf("term 0: got %v, want %v", err, errMalformed)
	}
}

func FuzzDecodeMeta(f *testing.F) {
	f.Add(encodeMeta(testTag, sampleNode()))
	f.Add([]byte{1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeMeta(testTag, b)
		if err != nil {
			return
		}
		again, err := decodeMeta(testTag, encodeMeta(testTag, n))
		if err != nil || again != n {
			t.Fatalf("got %+v, %v; want %+v", again, err, n)
		}
	})
}

func FuzzDecodeHints(f *testing.F) {
	f.Add(encodeState(testTag, sampleHints()))
	f.Add(encodeLeader(testTag, Leader{Shard: 1, Term: 2, Node: "n"}))
	f.Add(encodeDeparture(testTag, departure{node: "n", start: 2}))
	f.Add(append(appendHeader(nil, kindState, testTag), bytes.Repeat([]byte{0xff}, 9)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHints(testTag, b)
		if err != nil {
			return
		}
		again, err := decodeHints(testTag, encodeState(testTag, h))
		if err != nil || !reflect.DeepEqual(again, h) {
			t.Fatalf("got %+v, %v; want %+v", again, err, h)
		}
	})
}
