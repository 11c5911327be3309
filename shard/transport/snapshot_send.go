package transport

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/hashicorp/raft"
)

// A snapshot shares its connection with the appends of all groups, so it is sent in small chunks, few of
// them at once: an append waits behind at most snapshotWindow chunks of each snapshot.
const (
	snapshotChunkBytes  = 64 << 10
	snapshotWindow      = 4
	snapshotWindowBytes = snapshotWindow * snapshotChunkBytes
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// InstallSnapshot implements raft.Transport.
func (g *Group) InstallSnapshot(to raft.ServerID, _ raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	g.sawTerm(args.Term)
	if err := g.checkSuspended(); err != nil {
		return err
	}
	l, err := g.t.link(string(to))
	if err != nil {
		return err
	}
	timer := time.NewTimer(g.t.cfg.RPCTimeout.Dial)
	defer timer.Stop()
	out, err := l.data.get(g.stopped, timer.C)
	if err != nil {
		return err
	}
	life := g.life(string(to))
	s := &snapshotCall{g: g, out: out, frames: make(chan unaryResult, 4*snapshotWindow)}
	body, err := s.run(args, data)
	if err != nil {
		return fmt.Errorf("group %d: snapshot to node %s: %w", g.id, to, err)
	}
	d := decoder{rest: body}
	*resp = d.snapshotResponse()
	if err := d.end(); err != nil {
		return err
	}
	g.t.count.snapshotsSent.Add(1)
	if resp.Success && resp.Term == args.Term {
		g.matched(string(to), life, args.Term, args.LastLogIndex)
	}
	return nil
}

// snapshotCall is one outgoing stream.
type snapshotCall struct {
	g      *Group
	out    *outConn
	id     uint64
	frames chan unaryResult

	sentBytes, writtenBytes uint64 // by this node; of those, by the other one to its file
}

func (s *snapshotCall) receive(f frame) bool {
	s.pass(unaryResult{frame: f})
	return f.kind != frameSnapshotProgress
}

func (s *snapshotCall) fail(err error) { s.pass(unaryResult{err: err}) }

// pass drops what does not fit. The window keeps the other end from sending that much; if it does so all the
// same, the stream stalls and ends.
func (s *snapshotCall) pass(r unaryResult) {
	select {
	case s.frames <- r:
	default:
	}
}

func (s *snapshotCall) run(args *raft.InstallSnapshotRequest, data io.Reader) (body []byte, err error) {
	s.id, err = s.out.begin(s, frameSnapshotBegin, func(b []byte) []byte {
		return appendSnapshotRequest(appendUint64s(b, uint64(s.g.id)), args)
	})
	if err != nil {
		return nil, err
	}
	defer s.out.forget(s.id)
	body, err = s.stream(args, data)
	var answered *RemoteError
	if err != nil && !errors.As(err, &answered) {
		_ = s.send(frameSnapshotAbort, nil) // if it is lost, the other end's idle timeout does the same
	}
	return body, err
}

func (s *snapshotCall) stream(args *raft.InstallSnapshotRequest, data io.Reader) ([]byte, error) {
	chunk := make([]byte, snapshotChunkBytes)
	crc := crc32.New(castagnoli)
	for {
		n, err := io.ReadFull(data, chunk)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return nil, fmt.Errorf("read snapshot: %w", err)
		}
		if n > 0 {
			if body, err := s.waitForWindow(); body != nil || err != nil {
				return body, err
			}
			_, _ = crc.Write(chunk[:n]) // a hash never fails
			s.sentBytes += uint64(n)
			if err := s.send(frameSnapshotChunk, func(b []byte) []byte { return append(b, chunk[:n]...) }); err != nil {
				return nil, err
			}
		}
		if err != nil {
			break
		}
	}
	if s.sentBytes != uint64(args.Size) {
		return nil, fmt.Errorf("snapshot has %d bytes, its header says %d", s.sentBytes, args.Size)
	}
	end := snapshotEnd{sizeBytes: s.sentBytes, crc: crc.Sum32()}
	if err := s.send(frameSnapshotEnd, func(b []byte) []byte { return appendSnapshotEnd(b, end) }); err != nil {
		return nil, err
	}
	for {
		if body, err := s.next(); body != nil || err != nil {
			return body, err
		}
	}
}

// waitForWindow returns when one more chunk may be sent, or with what ends the stream early.
func (s *snapshotCall) waitForWindow() (body []byte, err error) {
	for s.sentBytes-s.writtenBytes+snapshotChunkBytes > snapshotWindowBytes {
		if body, err := s.next(); body != nil || err != nil {
			return body, err
		}
	}
	return nil, nil
}

// next waits for one frame: progress, or the reply, whose body it returns.
func (s *snapshotCall) next() (body []byte, err error) {
	began := time.Now()
	idle := time.NewTimer(s.g.t.cfg.RPCTimeout.SnapshotIdle)
	defer idle.Stop()
	select {
	case r := <-s.frames:
		if r.err != nil || r.frame.kind != frameSnapshotProgress {
			return r.body(s.out.node, frameSnapshotReply)
		}
		d := decoder{rest: r.frame.body}
		s.writtenBytes = min(d.uint64(), s.sentBytes)
		return nil, d.end()
	case <-idle.C:
		s.g.t.count.timeouts.Add(1)
		s.out.suspect(began)
		return nil, fmt.Errorf("%w: no progress for %v", ErrTimeout, s.g.t.cfg.RPCTimeout.SnapshotIdle)
	case <-s.g.stopped:
		return nil, ErrClosed
	}
}

// send waits while the queue is full of other groups' frames, for as long as a stream may be idle.
func (s *snapshotCall) send(kind frameKind, fill func([]byte) []byte) error {
	deadline := time.Now().Add(s.g.t.cfg.RPCTimeout.SnapshotIdle)
	for {
		err := s.out.send(kind, s.id, fill)
		if !errors.Is(err, ErrBusy) || time.Now().After(deadline) {
			return err
		}
		retry := time.NewTimer(queueRetry)
		select {
		case <-retry.C:
		case <-s.g.stopped:
			retry.Stop()
			return ErrClosed
		}
	}
}
