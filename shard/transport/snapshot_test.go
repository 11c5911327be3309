package transport

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
)

func snapshotRequest(from string, sizeBytes int) *raft.InstallSnapshotRequest {
	return &raft.InstallSnapshotRequest{
		RPCHeader: header(from), SnapshotVersion: 1, Term: 5, LastLogIndex: 42, LastLogTerm: 4, Size: int64(sizeBytes),
	}
}

func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>9)
	}
	return p
}

// restore plays raft for snapshots: it reads the stream and answers.
func restore(got *[]byte) func(raft.RPC) (any, error) {
	return func(rpc raft.RPC) (any, error) {
		if _, ok := rpc.Command.(*raft.InstallSnapshotRequest); !ok {
			return agree(rpc)
		}
		p, err := io.ReadAll(rpc.Reader)
		*got = p
		return &raft.InstallSnapshotResponse{RPCHeader: header("b"), Term: 5, Success: err == nil}, err
	}
}

func TestSnapshotArrivesWholeAndItsFileIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		var got []byte
		answer(b, restore(&got))
		for _, size := range []int{0, 1, snapshotChunkBytes, 3<<20 + 17} {
			want := pattern(size)
			var resp raft.InstallSnapshotResponse
			err := a.InstallSnapshot("b", "b", snapshotRequest("a", size), &resp, bytes.NewReader(want))
			if err != nil || !resp.Success || resp.Term != 5 || string(resp.ID) != "b" {
				t.Fatalf("%d bytes: %+v, %v", size, resp, err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes: arrived as %d other bytes", size, len(got))
			}
		}
		if got := a.MatchIndex("b"); got != 42 {
			t.Errorf("MatchIndex = %d, want 42", got)
		}
		synctest.Wait()
		wantEmptySpool(t, b.t)
	})
}

// The disk may give back something else than was written to the spool file: raft hears of it before it has the last byte.
func TestDamagedSpoolFileIsNotTakenForASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		var got []byte
		restored := restore(&got)
		answer(b, func(rpc raft.RPC) (any, error) {
			files, err := os.ReadDir(b.t.cfg.SpoolDir)
			if err != nil || len(files) != 1 {
				t.Fatalf("spool folder: %v, %v", files, err)
			}
			path := filepath.Join(b.t.cfg.SpoolDir, files[0].Name())
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data[777] ^= 1
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return restored(rpc)
		})
		err := a.InstallSnapshot("b", "b", snapshotRequest("a", 5000), &raft.InstallSnapshotResponse{}, bytes.NewReader(pattern(5000)))
		if err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("install of a damaged file: %v", err)
		}
	})
}

func wantEmptySpool(t *testing.T, tr *Transport) {
	t.Helper()
	if files, err := os.ReadDir(tr.cfg.SpoolDir); err != nil || len(files) > 0 {
		t.Errorf("spool folder: %v, %v; want it empty", files, err)
	}
}

// A long restore is not an idle stream: the receiver says that it is alive.
func TestLongRestoreDoesNotTimeOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		answer(b, func(rpc raft.RPC) (any, error) {
			time.Sleep(5 * defaultSnapshotIdle)
			return &raft.InstallSnapshotResponse{Term: 5, Success: true}, nil
		})
		var resp raft.InstallSnapshotResponse
		if err := a.InstallSnapshot("b", "b", snapshotRequest("a", 5), &resp, bytes.NewReader(pattern(5))); err != nil || !resp.Success {
			t.Errorf("%+v, %v", resp, err)
		}
	})
}

// slowReader gives one chunk per second.
type slowReader struct{ chunks int }

func (r *slowReader) Read(p []byte) (int, error) {
	if r.chunks == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second)
	r.chunks--
	return len(p), nil
}

func TestAppendsOfOtherGroupsPassASnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		var got []byte
		answer(b, restore(&got))
		other := group(t, a.t, 2)
		answer(group(t, b.t, 2), agree)
		done := make(chan error, 1)
		go func() {
			const chunks = 20
			done <- a.InstallSnapshot("b", "b", snapshotRequest("a", chunks*snapshotChunkBytes), &raft.InstallSnapshotResponse{}, &slowReader{chunks})
		}()
		passed := 0
		for len(done) == 0 {
			began := time.Now()
			if _, err := sendAppend(other, "b", appendRequest("a", 5, 2, 2)); err != nil || time.Since(began) != 0 {
				t.Fatalf("append beside a snapshot: %v after %v", err, time.Since(began))
			}
			passed++
			time.Sleep(100 * time.Millisecond)
		}
		if err := <-done; err != nil || passed < 100 {
			t.Errorf("snapshot: %v; %d appends passed it, want at least 100", err, passed)
		}
		if got := a.t.Stats().ConnsOutOpen; got != 1 {
			t.Errorf("%d connections, want 1", got)
		}
	})
}

func TestBrokenSnapshotNeverReachesRaft(t *testing.T) {
	chunk := func(c rawConn, id uint64, p []byte) {
		c.send(frameSnapshotChunk, id, func(b []byte) []byte { return append(b, p...) })
	}
	end := func(c rawConn, id uint64, e snapshotEnd) {
		c.send(frameSnapshotEnd, id, func(b []byte) []byte { return appendSnapshotEnd(b, e) })
	}
	whole := pattern(1000)
	crc := crc32.Checksum(whole, castagnoli)
	for _, c := range []struct {
		name string
		send func(rawConn)
		want error
	}{
		{"flipped bit", func(c rawConn) {
			bad := bytes.Clone(whole)
			bad[500] ^= 1
			chunk(c, 1, bad)
			end(c, 1, snapshotEnd{1000, crc})
		}, ErrMalformed},
		{"short", func(c rawConn) {
			chunk(c, 1, whole[:999])
			end(c, 1, snapshotEnd{999, crc32.Checksum(whole[:999], castagnoli)})
		}, ErrMalformed},
		{"too long", func(c rawConn) { chunk(c, 1, pattern(1001)) }, ErrMalformed},
		{"aborted", func(c rawConn) { chunk(c, 1, whole); c.send(frameSnapshotAbort, 1, nil) }, ErrClosed},
		{"replaced", func(c rawConn) {
			c.send(frameSnapshotBegin, 2, func(b []byte) []byte {
				return appendSnapshotRequest(appendUint64s(b, 1), snapshotRequest("x", 1000))
			})
		}, ErrClosed},
		{"stalled", func(c rawConn) { chunk(c, 1, whole[:10]) }, nil},
		{"cut off", func(c rawConn) { chunk(c, 1, whole[:10]); _ = c.Close() }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, _, b := twoNodes(t)
				conn := n.rawDial(t, "x", "b", data)
				conn.send(frameSnapshotBegin, 1, func(b []byte) []byte {
					return appendSnapshotRequest(appendUint64s(b, 1), snapshotRequest("x", 1000))
				})
				synctest.Wait()
				replies := make(chan frame, 16)
				if c.want != nil {
					go func() {
						for {
							f, err := readFrame(conn.Conn, dataFrameBytesMax, nil)
							if err != nil {
								return
							}
							if f.kind == frameError && f.id == 1 {
								replies <- f
							}
						}
					}()
				} else {
					go func() { _, _ = io.Copy(io.Discard, conn.Conn) }()
				}
				c.send(conn)
				if c.want != nil {
					d := decoder{rest: (<-replies).body}
					if err := d.remoteError("b"); !errors.Is(err, c.want) {
						t.Errorf("error %v, want %v", err, c.want)
					}
				}
				time.Sleep(2 * defaultSnapshotIdle)
				wantEmptySpool(t, b.t)
				if got := b.t.Stats(); got.SnapshotsBroken == 0 || got.SnapshotsReceived != 0 || len(b.Consumer()) != 0 {
					t.Errorf("%d broken, %d received, %d at raft", got.SnapshotsBroken, got.SnapshotsReceived, len(b.Consumer()))
				}
				_ = conn.Close()
			})
		})
	}
}

// The sender learns of a broken stream from its own side too.
func TestSnapshotOfTheWrongSizeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, a, b := twoNodes(t)
		for what, r := range map[string]io.Reader{
			"short":      bytes.NewReader(pattern(99)),
			"long":       bytes.NewReader(pattern(101)),
			"unreadable": io.MultiReader(bytes.NewReader(pattern(50)), &failingReader{}),
		} {
			err := a.InstallSnapshot("b", "b", snapshotRequest("a", 100), &raft.InstallSnapshotResponse{}, r)
			if err == nil {
				t.Errorf("%s: no error", what)
			}
			synctest.Wait()
			wantEmptySpool(t, b.t)
		}
		err := group(t, a.t, 2).InstallSnapshot("b", "b", snapshotRequest("a", 0), &raft.InstallSnapshotResponse{}, bytes.NewReader(nil))
		if !errors.Is(err, ErrUnknownGroup) {
			t.Errorf("snapshot for an unknown group: %v, want ErrUnknownGroup", err)
		}
	})
}

type failingReader struct{}

func (*failingReader) Read([]byte) (int, error) { return 0, errors.New("disk is on fire") }
