package grpcserver

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/gateway/ops"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
)

// raw sends bytes in place of messages.
type raw struct{}

func (raw) Name() string                       { return "proto" }
func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = bytes.Clone(data); return nil }

func invokeRaw(ctx context.Context, n *node, method string, message []byte, options ...grpc.CallOption) error {
	var reply []byte
	return n.conn.Invoke(ctx, method, &message, &reply, append(options, grpc.ForceCodec(raw{}))...)
}

// alive fails the test unless the server serves on.
func alive(t *testing.T, n *node) {
	t.Helper()
	must[*cachev1.SetResponse](t)(n.cache.Set(within(t, testTime), set([]byte("alive"), "yes")))
}

func TestMessagesMayBeAsLongAsTheirLimit(t *testing.T) {
	n := start(t, 1, Limits{MessageBytes: 1000})[0]
	for size := 999; size <= 1001; size++ {
		// One field that nobody knows, of the length that makes the message have the size.
		message := binary.AppendUvarint([]byte{0xfa, 0x01}, uint64(size-4))
		message = append(message, make([]byte, size-len(message))...)
		err := invokeRaw(within(t, testTime), n, cachev1.CacheService_Get_FullMethodName, message)
		want := codes.InvalidArgument // decoded: its key is empty
		if size > 1000 {
			want = codes.ResourceExhausted
		}
		if status.Code(err) != want {
			t.Errorf("message of %d bytes: got %v, want %v", size, err, want)
		}
	}
	alive(t, n)
}

func TestCompressedBombIsCutAtTheLimit(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	_, err := n.cache.Set(within(t, testTime), &cachev1.SetRequest{Key: []byte("k"), Value: make([]byte, 60<<20)}, grpc.UseCompressor(gzip.Name))
	if code := status.Code(err); code != codes.ResourceExhausted && code != codes.Unimplemented {
		t.Errorf("got %v", err)
	}
	alive(t, n)
}

func TestRandomBytesAsMessagesPanicNobody(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for _, method := range []string{
		cachev1.CacheService_Get_FullMethodName, cachev1.CacheService_Set_FullMethodName, cachev1.CacheService_Delete_FullMethodName,
		cachev1.CacheService_Expire_FullMethodName, cachev1.CacheService_Increment_FullMethodName, cachev1.CacheService_Batch_FullMethodName,
	} {
		nested := []byte{}
		for range 1000 { // ops of a batch in one another, 1000 deep
			nested = append(binary.AppendUvarint([]byte{0x0a}, uint64(len(nested))), nested...)
		}
		messages := [][]byte{nested, {0x0a}, {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f}, {0xff}}
		for range 50 {
			m := make([]byte, random.IntN(64))
			for i := range m {
				m[i] = byte(random.UintN(256))
			}
			messages = append(messages, m)
		}
		for _, m := range messages {
			err := invokeRaw(within(t, testTime), n, method, m)
			if code := status.Code(err); code != codes.OK && code != codes.Internal && code != codes.InvalidArgument || strings.Contains(status.Convert(err).Message(), "fault") {
				t.Errorf("seed %d: %s(%x): %v", seed, method, m, err)
			}
		}
	}
	alive(t, n)
}

func TestPathsThatAreNoMethodNeverReachAHandler(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	for _, path := range []string{
		"/holt.cache.v1.CacheService/Nothing", "/holt.cache.v1.cacheservice/Set", "//holt.cache.v1.CacheService/Set",
		"/holt.cache.v1.CacheService/Set/", "/holt.cache.v1.CacheService//Set", "/holt.node.v1.NodeService/Forward", "/", "/a",
	} {
		if err := invokeRaw(within(t, testTime), n, path, []byte("\x0a\x01k")); status.Code(err) != codes.Unimplemented {
			t.Errorf("path %q: %v, want UNIMPLEMENTED", path, err)
		}
	}
	if n.replica().Keys() != 0 {
		t.Error("a handler was reached")
	}
}

func TestHeadersOverTheirLimitEndTheCall(t *testing.T) {
	n := start(t, 1, Limits{})[0]
	ctx := metadata.AppendToOutgoingContext(within(t, testTime), "x", strings.Repeat("v", 1<<20))
	if _, err := n.cache.Get(ctx, &cachev1.GetRequest{Key: []byte("k")}); err == nil {
		t.Error("1 MiB of headers was taken")
	}
	alive(t, n)
}

// More streams than may be open: those beyond wait, all are served, and no more handlers run than the limit says.
func TestCallsBeyondTheStreamLimitWait(t *testing.T) {
	n := start(t, 1, Limits{StreamsPerConnection: 2})[0]
	first, second := openPipeline(t, within(t, testTime), n), openPipeline(t, within(t, testTime), n)
	exchange(t, first, pipelined(1, set([]byte("k"), "v")))
	exchange(t, second, pipelined(1, set([]byte("k"), "v")))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := n.cache.Get(ctx, &cachev1.GetRequest{Key: []byte("k")}); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("third call beside two pipelines: %v", err)
	}
	if err := first.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Recv(); err != io.EOF {
		t.Fatal(err)
	}
	alive(t, n)
}

func TestOtherProtocolsAreClosed(t *testing.T) {
	n := start(t, 1, Limits{HandshakeMax: 100 * time.Millisecond})[0]
	for name, sent := range map[string]string{
		"HTTP/1.1": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"RESP":     "*1\r\n$4\r\nPING\r\n",
		"random":   "\x00\xff\x13\x37" + strings.Repeat("z", 100),
		"silence":  "",
	} {
		conn, err := n.public.DialContext(within(t, testTime))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, sent); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(testTime))
		_, err = io.Copy(io.Discard, conn)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Errorf("%s: the connection stayed open", name)
		}
		_ = conn.Close()
	}
	alive(t, n)
}

func TestLimitsHaveDefaults(t *testing.T) {
	l := Limits{}.WithDefaults()
	if l.MessageBytes <= l.Data.ValueBytesMax+l.Data.KeyBytesMax || (Limits{}).ReplyBytes() <= l.MessageBytes {
		t.Errorf("the largest value does not fit: %+v", l)
	}
	if l.BatchOps == 0 || l.StreamsPerConnection == 0 || l.PipelineCalls == 0 || l.PipelineBytes == 0 || l.HeaderListBytes == 0 ||
		l.HandshakeMax == 0 || l.PingInterval == 0 || l.IdleMax == 0 || l.CallMax == 0 {
		t.Errorf("a limit is not set: %+v", l)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a server without router was made")
	}
}

func TestTheLargestValueTravelsBothWays(t *testing.T) {
	nodes := start(t, 2, Limits{})
	ctx, key, value := within(t, testTime), keyAt(1, 2, "k"), bytes.Repeat([]byte("v"), ops.ValueBytesDefault)
	must[*cachev1.SetResponse](t)(nodes[0].cache.Set(ctx, &cachev1.SetRequest{Key: key, Value: value}))
	for _, n := range nodes {
		if got := must[*cachev1.GetResponse](t)(n.cache.Get(ctx, &cachev1.GetRequest{Key: key})); !bytes.Equal(got.Item.GetValue(), value) {
			t.Errorf("got %d bytes", len(got.Item.GetValue()))
		}
	}
	_, err := nodes[0].cache.Set(ctx, &cachev1.SetRequest{Key: key, Value: append(value, 'v')})
	expect(t, err, codes.ResourceExhausted, "too-large", notApplied)
}
