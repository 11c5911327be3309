package respserver

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/router"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
	effects "github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/raftfsm/store"
)

// scriptedReplica answers ops as a test says, one list of errors for each Wait, and notes what was evaluated.
type scriptedReplica struct {
	ops.FieldReader
	answers [][]*apierr.Error
	values  []string
}

func (r *scriptedReplica) Shard() slot.ShardID              { return 1 }
func (r *scriptedReplica) Leads() bool                      { return true }
func (r *scriptedReplica) NewFlight() router.Flight         { return &scriptedFlight{r: r} }
func (r *scriptedReplica) Acknowledged(uint64) int          { return 0 }
func (r *scriptedReplica) Keys() int                        { return 0 }
func (r *scriptedReplica) KeysInSlot(slot.ID) int           { return 0 }
func (r *scriptedReplica) HasKeys(slot.ID) bool             { return false }
func (r *scriptedReplica) ListKeys(slot.ID, int) [][]byte   { return nil }
func (r *scriptedReplica) Now() int64                       { return 0 }
func (r *scriptedReplica) Delete([]byte) bool               { return false }
func (r *scriptedReplica) Expire([]byte, int64) bool        { return false }
func (r *scriptedReplica) Flush([]slot.Range)               {}
func (r *scriptedReplica) Refuse(*apierr.Error)             {}
func (r *scriptedReplica) Patch([]byte, int, []byte) uint64 { return 0 }

func (r *scriptedReplica) Holds(slot.ID) bool                        { return false }
func (r *scriptedReplica) AwaitOwned(context.Context, slot.ID) error { return nil }

func (r *scriptedReplica) Deletions() (incarnation, count uint64) { return 0, 0 }

func (r *scriptedReplica) Get([]byte) (store.Item, bool)    { return store.Item{}, false }
func (r *scriptedReplica) Peek([]byte) (store.Item, bool)   { return store.Item{}, false }
func (r *scriptedReplica) Usage([]byte) (store.Usage, bool) { return store.Usage{}, false }

// ops.Tx has more methods, which no test calls.
func (r *scriptedReplica) SetField([]byte, effects.Type, []byte, []byte) bool { return false }
func (r *scriptedReplica) DeleteField([]byte, []byte) bool                    { return false }

func (r *scriptedReplica) Set(_, value []byte, _ effects.Type, _ int64) uint64 {
	r.values = append(r.values, string(value))
	return 1
}

func (r *scriptedReplica) Read(_ context.Context, _ slot.ID, _ router.ReadMode, fn func(ops.Reader)) error {
	fn(r)
	return nil
}

type scriptedFlight struct {
	r   *scriptedReplica
	ops []*router.Op
}

func (f *scriptedFlight) Submit(ops ...*router.Op) error {
	f.ops = append(f.ops, ops...)
	return nil
}

func (f *scriptedFlight) Wait(time.Time) {
	answers := f.r.answers[0]
	f.r.answers = f.r.answers[1:]
	for i, op := range f.ops {
		if op.Err = answers[i]; op.Err == nil {
			op.Do(f.r)
		}
	}
	f.ops = nil
}

type scriptedCluster struct {
	view    *router.View
	replica *scriptedReplica
}

func (c *scriptedCluster) View() *router.View       { return c.view }
func (c *scriptedCluster) Changed() <-chan struct{} { return nil }

func (c *scriptedCluster) Replica(slot.ShardID) (router.Replica, bool) { return c.replica, true }

// The order of one connection's writes is never changed: what was refused goes again together with all that comes after
// it, or not at all.
func TestRefusedWriteIsNotRepeatedBehindALaterOne(t *testing.T) {
	refused := apierr.New(apierr.KindNotLeader, "not the leader; not applied")
	arriving := apierr.New(apierr.KindImporting, "not served here yet; not applied")
	frozen := apierr.AskShard(7, 2) // nobody is known to lead shard 2
	unknown := apierr.New(apierr.KindUnknownOutcome, "unknown")
	busy := apierr.New(apierr.KindBusy, "busy")
	for _, tc := range []struct {
		name    string
		answers [][]*apierr.Error
		replies [3]string
		values  string
	}{
		{"all refused", [][]*apierr.Error{{refused, refused, refused}, {nil, nil, nil}}, [3]string{"+OK", "+OK", "+OK"}, "123"},
		{"the last two refused", [][]*apierr.Error{{nil, refused, refused}, {nil, nil}}, [3]string{"+OK", "+OK", "+OK"}, "123"},
		{"the first refused, a later one done", [][]*apierr.Error{{refused, nil, refused}, {nil}}, [3]string{"-CLUSTERDOWN not the leader; not applied", "+OK", "+OK"}, "23"},
		{"the first refused, a later one in doubt", [][]*apierr.Error{{refused, unknown, refused}, {nil}}, [3]string{"-CLUSTERDOWN not the leader; not applied", "-UNKNOWN unknown", "+OK"}, "3"},
		{"a later one not done either", [][]*apierr.Error{{refused, busy, refused}, {nil, nil}}, [3]string{"+OK", "-TRYAGAIN busy", "+OK"}, "13"},
		{"doubt is never repeated", [][]*apierr.Error{{unknown, unknown, unknown}}, [3]string{"-UNKNOWN unknown", "-UNKNOWN unknown", "-UNKNOWN unknown"}, ""},
		{"on its way here, a later one done", [][]*apierr.Error{{arriving, arriving, nil}}, [3]string{"-TRYAGAIN not served here yet; not applied", "-TRYAGAIN not served here yet; not applied", "+OK"}, "3"},
		{"on its way here, with all that comes after it", [][]*apierr.Error{{nil, arriving, arriving}, {nil, nil}}, [3]string{"+OK", "+OK", "+OK"}, "123"},
		{"on its way from here", [][]*apierr.Error{{nil, frozen, frozen}, {nil, nil}}, [3]string{"+OK", "+OK", "+OK"}, "123"},
		{"on its way from here, a later one done", [][]*apierr.Error{{frozen, nil, nil}}, [3]string{"-TRYAGAIN slot 7 is being handed over to shard 2; not applied, ask there", "+OK", "+OK"}, "23"},
		{"refused twice", [][]*apierr.Error{{refused, refused, refused}, {refused, refused, refused}, {nil, nil, nil}}, [3]string{"+OK", "+OK", "+OK"}, "123"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			replica := &scriptedReplica{answers: tc.answers}
			f := startScripted(t, replica)
			c := f.dial()
			c.want("SET k 1", tc.replies[0], "SET k 2", tc.replies[1], "SET k 3", tc.replies[2])
			values := ""
			for _, v := range replica.values {
				values += v
			}
			if values != tc.values {
				t.Errorf("evaluated %q, want %q", values, tc.values)
			}
		})
	}
}

func startScripted(t *testing.T, replica *scriptedReplica) *fixture {
	m, err := slot.NewMap(1, []slot.Assignment{{Range: slot.Range{First: 0, Last: slot.Count - 1}, Shard: 1}})
	if err != nil {
		t.Fatal(err)
	}
	view := &router.View{Self: selfID, Map: m, Shards: []router.Shard{{ID: 1, Leader: selfID}}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, addr: listener.Addr().String()}
	f.server = New(Config{Router: router.New(&scriptedCluster{view, replica}), Table: command.NewTable(command.Limits{}), Logger: discardLogger()})
	served := make(chan error, 1)
	go func() { served <- f.server.Serve(listener) }()
	t.Cleanup(func() {
		_ = f.server.Close()
		<-served
	})
	return f
}
