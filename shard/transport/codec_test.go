package transport

//lint:file-ignore SA1019 the codec carries every field, also the one that raft keeps for older protocol versions

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

var rewrite = flag.Bool("rewrite", false, "rewrite testdata/*.txt")

// codec is one kind of body: recode decodes it and encodes what came out.
type codec struct {
	name   string
	sample []byte
	decode func(d *decoder) any
	recode func(v any) []byte
}

func codecOf[T any](name string, sample T, decode func(*decoder) T, encode func([]byte, T) []byte) codec {
	return codec{
		name:   name,
		sample: encode(nil, sample),
		decode: func(d *decoder) any { return decode(d) },
		recode: func(v any) []byte { return encode(nil, v.(T)) },
	}
}

func byRef[T any](encode func([]byte, *T) []byte) func([]byte, T) []byte {
	return func(b []byte, v T) []byte { return encode(b, &v) }
}

func codecs() []codec {
	h := header("node-1")
	logs := []*raft.Log{
		{Index: 8, Term: 3, Type: raft.LogCommand, Data: []byte("set foo"), AppendedAt: time.Unix(1700000000, 5).UTC()},
		{Index: 9, Term: 4, Type: raft.LogConfiguration, Data: []byte{0}, Extensions: []byte("x")},
		{Index: 10, Term: 4, Type: raft.LogNoop},
	}
	return []codec{
		codecOf("hello", hello{protocolVersion, "cluster-1", "node-1", "node-2", 200 * time.Millisecond, data},
			func(d *decoder) hello { h, err := decodeHello(d.rest); d.rest, d.err = nil, err; return h }, appendHello),
		codecOf("vote", &raft.RequestVoteRequest{RPCHeader: h, Term: 4, Candidate: []byte("node-1"), LastLogIndex: 9, LastLogTerm: 3, LeadershipTransfer: true},
			(*decoder).voteRequest, appendVoteRequest),
		codecOf("vote reply", raft.RequestVoteResponse{RPCHeader: h, Term: 4, Peers: []byte("p"), Granted: true},
			(*decoder).voteResponse, byRef(appendVoteResponse)),
		codecOf("pre-vote", &raft.RequestPreVoteRequest{RPCHeader: h, Term: 4, LastLogIndex: 9, LastLogTerm: 3},
			(*decoder).preVoteRequest, appendPreVoteRequest),
		codecOf("pre-vote reply", raft.RequestPreVoteResponse{RPCHeader: h, Term: 4, Granted: true},
			(*decoder).preVoteResponse, byRef(appendPreVoteResponse)),
		codecOf("timeout-now", &raft.TimeoutNowRequest{RPCHeader: h}, (*decoder).timeoutNowRequest, appendTimeoutNowRequest),
		codecOf("timeout-now reply", raft.TimeoutNowResponse{RPCHeader: h}, (*decoder).timeoutNowResponse, byRef(appendTimeoutNowResponse)),
		codecOf("append", appendMessage{&raft.AppendEntriesRequest{RPCHeader: h, Term: 4, Leader: []byte("node-1"), PrevLogEntry: 7, PrevLogTerm: 3, Entries: logs, LeaderCommitIndex: 8}, 12},
			(*decoder).appendMessage, func(b []byte, m appendMessage) []byte {
				return appendAppendRequest(b, m.request, m.request.LeaderCommitIndex, m.leaderLast)
			}),
		codecOf("append reply", appendAnswer{raft.AppendEntriesResponse{RPCHeader: h, Term: 4, LastLog: 10, Success: true, NoRetryBackoff: true}, 8},
			(*decoder).appendAnswer, byRef(appendAppendAnswer)),
		codecOf("heartbeats", []heartbeat{{1, h, 4, []byte("node-1")}, {2, h, 9, []byte("node-1")}},
			(*decoder).heartbeats, func(b []byte, hs []heartbeat) []byte {
				batch := &heartbeatBatch{}
				for _, h := range hs {
					batch.calls = append(batch.calls, &heartbeatCall{item: appendHeartbeat(nil, h)})
				}
				return append(b, batch.encode(nil)...)
			}),
		codecOf("heartbeat replies", []heartbeatReply{{position: 1, response: appendAnswer{raft.AppendEntriesResponse{RPCHeader: h, Term: 9}, 6}}},
			func(d *decoder) []heartbeatReply { return d.heartbeatReplies("node-2") }, appendHeartbeatReplies),
		codecOf("confirm", []GroupTerm{{1, 4}, {2, 9}}, (*decoder).confirm, appendConfirm),
		codecOf("confirm reply", []bool{true, false, true, true, false, false, true, true, true, false, true},
			func(d *decoder) []bool { return d.confirmReply(11) }, appendConfirmReply),
		codecOf("snapshot", &raft.InstallSnapshotRequest{RPCHeader: h, SnapshotVersion: 1, Term: 4, Leader: []byte("node-1"), LastLogIndex: 9, LastLogTerm: 3,
			Peers: []byte("p"), Configuration: []byte("c"), ConfigurationIndex: 1, Size: 77},
			(*decoder).snapshotRequest, appendSnapshotRequest),
		codecOf("snapshot end", snapshotEnd{77, 0xdeadbeef}, (*decoder).snapshotEnd, appendSnapshotEnd),
		codecOf("snapshot reply", raft.InstallSnapshotResponse{RPCHeader: h, Term: 4, Success: true},
			(*decoder).snapshotResponse, byRef(appendSnapshotResponse)),
		codecOf("log end", LogEnd{Term: 4, Index: 9, Guarded: true}, (*decoder).logEnd, appendLogEnd),
		codecOf("stamps", stampsMessage{group: 7, term: 4, portion: []byte{1, 2, 3}}, (*decoder).stamps, appendStamps),
	}
}

// The bytes on the wire may change only together with protocolVersion. Regenerate with:
// go test ./shard/transport -run Golden -rewrite
func TestGoldenBytes(t *testing.T) {
	var b strings.Builder
	for _, c := range codecs() {
		fmt.Fprintf(&b, "%s\n%s\n", c.name, hex.Dump(c.sample))
	}
	fmt.Fprintf(&b, "error\n%s\n", hex.Dump(appendError(nil, fmt.Errorf("group 7: %w", ErrUnknownGroup))))
	fmt.Fprintf(&b, "ping frame\n%s\n", hex.Dump(appendFrame(nil, framePing, 0x0102, nil)))
	fmt.Fprintf(&b, "last frame kind %d\n", frameStamps)
	const file = "testdata/wire.txt"
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("bytes on the wire differ from %s: got\n%s", file, b.String())
	}
}

func TestEveryMessageComesBackAsItWas(t *testing.T) {
	for _, c := range codecs() {
		d := &decoder{rest: c.sample}
		v := c.decode(d)
		if err := d.end(); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if again := c.recode(v); !bytes.Equal(again, c.sample) {
			t.Errorf("%s: encoded again as\n%swant\n%s", c.name, hex.Dump(again), hex.Dump(c.sample))
		}
		for cut := range c.sample {
			d := &decoder{rest: c.sample[:cut]}
			if c.decode(d); d.end() == nil {
				t.Errorf("%s: cut after %d of %d bytes and still accepted", c.name, cut, len(c.sample))
			}
		}
		d = &decoder{rest: append(bytes.Clone(c.sample), 0)}
		if c.decode(d); d.end() == nil {
			t.Errorf("%s: accepted with a byte too many", c.name)
		}
	}
}

// Every field of every sample is set and must still be set after decoding, so that the test above can't be fooled by a codec that
// forgets a field in both directions.
func TestNoFieldIsForgotten(t *testing.T) {
	for _, c := range codecs() {
		v := reflect.Indirect(reflect.ValueOf(c.decode(&decoder{rest: c.sample})))
		if v.Kind() != reflect.Struct {
			continue
		}
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("%s: field %s was lost", c.name, v.Type().Field(i).Name)
			}
		}
	}
}

func TestErrorKeepsItsKindAcrossTheWire(t *testing.T) {
	for code, want := range errorOfCode {
		b := appendError(nil, fmt.Errorf("group 7: %w", want))
		d := decoder{rest: b}
		if got := d.remoteError("b"); !errors.Is(got, want) || d.end() != nil || errorCode(b[0]) != code {
			t.Errorf("code %d: got %v (%v), want %v", code, got, d.end(), want)
		}
	}
	long := appendError(nil, errors.New(strings.Repeat("x", 10*errorTextBytesMax)))
	d := decoder{rest: long}
	if err := d.remoteError("b"); d.end() != nil || len(err.Error()) > 2*errorTextBytesMax {
		t.Errorf("long error text: %d bytes, %v", len(err.Error()), d.end())
	}
}

// FuzzDecode: no input panics, and what is accepted is encoded again as the same bytes.
func FuzzDecode(f *testing.F) {
	cs := codecs()
	for i, c := range cs {
		f.Add(uint8(i), c.sample)
	}
	f.Add(uint8(7), []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		c := cs[int(which)%len(cs)]
		d := &decoder{rest: bytes.Clone(body)}
		v := c.decode(d)
		if d.end() != nil {
			return
		}
		if replies, ok := v.([]heartbeatReply); ok {
			for _, r := range replies {
				if r.err != nil {
					return // an error is rebuilt, not kept byte for byte
				}
			}
		}
		if h, ok := v.(hello); ok && h.version != protocolVersion {
			return // the rest is not looked at
		}
		if again := c.recode(v); !bytes.Equal(again, body) {
			t.Errorf("%s: %x encoded again as %x", c.name, body, again)
		}
	})
}

// FuzzFrame: a stream of frames never panics the reader and never makes it allocate what has not arrived.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(appendFrame(nil, framePing, 1, nil), frameConfirm, 2, func(b []byte) []byte { return appendConfirm(b, []GroupTerm{{1, 2}}) }))
	f.Add([]byte("\xff\xff\xff\x3f\x01"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		r := bytes.NewReader(stream)
		var again []byte
		for {
			fr, err := readFrame(r, dataFrameBytesMax, nil)
			if err != nil {
				break
			}
			again = appendFrame(again, fr.kind, fr.id, func(b []byte) []byte { return append(b, fr.body...) })
		}
		if !bytes.HasPrefix(stream, again) {
			t.Errorf("frames of %x encoded again as %x", stream, again)
		}
	})
}
