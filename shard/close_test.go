package shard_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore/crashstore"
	"github.com/holtcache/holt/shard/transport"
)

// alone knows no other node.
type alone struct{}

func (alone) ClusterAddr(string) (string, bool)              { return "", false }
func (alone) dial(context.Context, string) (net.Conn, error) { return nil, net.ErrClosed }

// Raft never answers what is still in its queue when it shuts down. Callers hear an answer all the same, long before
// their deadline, and nothing is left waiting: the bubble would not end.
func TestCloseAnswersWhoeverAsksRaft(t *testing.T) {
	for range 10 {
		synctest.Test(t, func(t *testing.T) {
			timings := shard.DefaultTimings()
			tr, err := transport.New(transport.Config{
				NodeID: "a", ClusterID: func() string { return "test" }, LeaseMax: timings.LeaseMax,
				Resolver: alone{}, Dial: alone{}.dial, SpoolDir: t.TempDir(),
			})
			if err != nil {
				t.Fatal(err)
			}
			wire, err := tr.Group(transport.GroupID(shard.MetaGroup))
			if err != nil {
				t.Fatal(err)
			}
			confirmer := shard.NewConfirmer(tr, timings.Lease)
			disk := crashstore.New(crashstore.Config{})
			m, err := shard.OpenMeta(shard.Config{
				Node: "a", Timings: timings, Wire: wire, Confirmer: confirmer, Bootstrap: []string{"a"},
				OpenStorage: func(h shard.Hooks) (shard.Storage, error) {
					s, err := disk.Open(crashstore.Hooks{Appended: h.Appended, Floor: h.Floor, Fatal: func(err error) { t.Error(err) }})
					if err != nil {
						return shard.Storage{}, err
					}
					return shard.Storage{Log: s.Log, Stable: s.Stable, Snapshots: s.Snapshots, Close: s}, nil
				},
				Logger: slog.New(slog.DiscardHandler),
			})
			if err != nil {
				t.Fatal(err)
			}
			for m.Sync(t.Context()) != nil {
				time.Sleep(10 * time.Millisecond)
			}
			began := time.Now()
			var asking sync.WaitGroup
			for range 300 {
				asking.Go(func() {
					for m.Sync(t.Context()) == nil {
						time.Sleep(time.Microsecond)
					}
				})
			}
			time.Sleep(10 * time.Microsecond)
			if err := m.Close(); err != nil {
				t.Error(err)
			}
			asking.Wait()
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("Close and the last answer took %v", took)
			}
			confirmer.Close()
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}
