package transport

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	spoolPattern = "incoming-*.snapshot"
	spoolsMax    = 64 // streams on one connection
	// installIdles bounds how long raft may take to restore a spooled snapshot, in units of SnapshotIdle.
	// Ten minutes by default; meanwhile the sender hears that this end is alive.
	installIdles = 60
	// keepalives is how often per SnapshotIdle the sender hears of a restore.
	keepalives = 3
)

// spools are the snapshot streams of one connection, by correlation id.
type spools struct {
	mu     sync.Mutex // protects the fields below
	byID   map[uint64]*spool
	latest map[GroupID]*spool
}

// spool is one incoming stream: a goroutine writes its chunks to a file and then hands that to raft.
type spool struct {
	in       *inConn
	id       uint64
	g        *Group
	req      *raft.InstallSnapshotRequest
	frames   chan frame    // from the reader; as long as the sender's window
	replaced chan struct{} // closed when the sender starts another stream for the group, or breaks the rules
	once     sync.Once
}

// beginSnapshot runs on the reader.
func (in *inConn) beginSnapshot(id uint64, d *decoder) error {
	group, req := GroupID(d.uint64()), d.snapshotRequest()
	if err := d.end(); err != nil {
		return err
	}
	g := in.t.group(group)
	var err error
	switch {
	case g == nil:
		err = fmt.Errorf("group %d on node %s: %w", group, in.t.cfg.NodeID, ErrUnknownGroup)
	case req.Size < 0:
		err = fmt.Errorf("%w: snapshot of %d bytes", ErrMalformed, req.Size)
	default:
		err = checkSender(req.RPCHeader, in.node)
	}
	if err == nil {
		s := &spool{
			in: in, id: id, g: g, req: req,
			frames: make(chan frame, snapshotWindow+2), replaced: make(chan struct{}),
		}
		if err = in.snapshots.add(s); err == nil {
			in.t.spawn(s.run)
		}
	}
	if err != nil {
		in.replyError(id, err)
	}
	return nil
}

// add takes a new stream in; an older one for the same group ends.
func (ss *spools) add(s *spool) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.byID == nil {
		ss.byID, ss.latest = make(map[uint64]*spool), make(map[GroupID]*spool)
	}
	if ss.byID[s.id] != nil {
		return fmt.Errorf("%w: snapshot stream %d began twice", ErrMalformed, s.id)
	}
	if len(ss.byID) >= spoolsMax {
		return fmt.Errorf("%w: %d snapshots are coming in from node %s", ErrBusy, spoolsMax, s.in.node)
	}
	if old := ss.latest[s.g.id]; old != nil {
		old.stop()
	}
	ss.byID[s.id], ss.latest[s.g.id] = s, s
	return nil
}

func (ss *spools) remove(s *spool) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.byID, s.id)
	if ss.latest[s.g.id] == s {
		delete(ss.latest, s.g.id)
	}
}

// pass gives a frame to its stream; frames of a stream that has ended are dropped. It runs on the reader: a
// sender that does not keep to the window loses the stream.
func (ss *spools) pass(f frame) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.byID[f.id]
	if s == nil {
		return
	}
	select {
	case s.frames <- f:
	default:
		s.stop()
	}
}

func (s *spool) stop() { s.once.Do(func() { close(s.replaced) }) }

// run owns the file: whatever happens, it is gone in the end.
func (s *spool) run() {
	file, err := os.CreateTemp(s.in.t.cfg.SpoolDir, spoolPattern)
	if err != nil {
		s.in.snapshots.remove(s)
		s.in.replyError(s.id, fmt.Errorf("create spool file: %w", err))
		return
	}
	defer s.discard(file)
	sum, err := s.fill(file)
	s.in.snapshots.remove(s)
	if err != nil {
		s.in.t.count.snapshotsBroken.Add(1)
		s.in.replyError(s.id, err)
		return
	}
	s.in.t.count.snapshotsReceived.Add(1)
	response, err := s.install(file, sum)
	if err == nil {
		err = s.in.replyResponse(s.id, s.g, response)
	}
	if err != nil {
		s.in.replyError(s.id, err)
	}
}

func (s *spool) discard(file *os.File) {
	closeErr := file.Close()
	removeErr := os.Remove(file.Name())
	for _, err := range []error{closeErr, removeErr} {
		if err != nil {
			s.in.t.cfg.Logger.Warn("spool file stays until the next start", "file", file.Name(), "error", err)
		}
	}
}

// fill writes the chunks to the file until the stream has ended and is whole. It returns the checksum of the file.
func (s *spool) fill(file *os.File) (sum uint32, err error) {
	crc := crc32.New(castagnoli)
	var size uint64
	for {
		f, err := s.next()
		if err != nil {
			return 0, err
		}
		switch f.kind {
		case frameSnapshotChunk:
			size += uint64(len(f.body))
			if size > uint64(s.req.Size) {
				return 0, fmt.Errorf("%w: snapshot is larger than the %d bytes announced", ErrMalformed, s.req.Size)
			}
			if _, err := io.MultiWriter(file, crc).Write(f.body); err != nil {
				return 0, fmt.Errorf("write spool file: %w", err)
			}
			s.progress(size)
		case frameSnapshotEnd:
			return crc.Sum32(), s.checkEnd(f, snapshotEnd{sizeBytes: size, crc: crc.Sum32()})
		default:
			return 0, fmt.Errorf("%w: the sender ended the stream", ErrClosed)
		}
	}
}

func (s *spool) checkEnd(f frame, got snapshotEnd) error {
	d := decoder{rest: f.body}
	want := d.snapshotEnd()
	switch {
	case d.end() != nil:
		return d.end()
	case got != want || got.sizeBytes != uint64(s.req.Size):
		return fmt.Errorf("%w: snapshot arrived as %d bytes with checksum %08x, was sent as %d with %08x",
			ErrMalformed, got.sizeBytes, got.crc, want.sizeBytes, want.crc)
	}
	return nil
}

func (s *spool) next() (frame, error) {
	idle := time.NewTimer(s.in.t.cfg.RPCTimeout.SnapshotIdle)
	defer idle.Stop()
	select {
	case f := <-s.frames:
		return f, nil
	case <-idle.C:
		return frame{}, fmt.Errorf("%w: snapshot stream stalled for %v", ErrTimeout, s.in.t.cfg.RPCTimeout.SnapshotIdle)
	case <-s.replaced:
		return frame{}, fmt.Errorf("%w: snapshot stream was replaced or left its window", ErrClosed)
	case <-s.g.stopped:
		return frame{}, s.g.unknown()
	case <-s.in.done:
		return frame{}, ErrClosed
	}
}

func (s *spool) progress(writtenBytes uint64) {
	s.in.reply(frameSnapshotProgress, s.id, func(b []byte) []byte { return appendUint64s(b, writtenBytes) })
}

// install lets raft read the file. The connection may be lost meanwhile; raft finishes all the same.
func (s *spool) install(file *os.File, sum uint32) (any, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("rewind spool file: %w", err)
	}
	response, err := s.g.deliver(raft.RPC{Command: s.req, Reader: &spoolReader{file: file, want: sum}})
	if err != nil {
		return nil, err
	}
	idle := s.in.t.cfg.RPCTimeout.SnapshotIdle
	alive := time.NewTicker(idle / keepalives)
	defer alive.Stop()
	limit := time.NewTimer(installIdles * idle)
	defer limit.Stop()
	for {
		select {
		case r := <-response:
			return r.Response, r.Error
		case <-alive.C:
			s.progress(uint64(s.req.Size))
		case <-limit.C:
			return nil, fmt.Errorf("group %d on node %s: %w: snapshot not restored within %v",
				s.g.id, s.in.t.cfg.NodeID, ErrTimeout, installIdles*idle)
		case <-s.g.stopped:
			return nil, s.g.unknown()
		}
	}
}

// spoolReader reads a spool file. One that is not what was written to it ends with an error in place of io.EOF, before raft
// takes the snapshot for its newest and gives up the log for it.
type spoolReader struct {
	file      *os.File
	sum, want uint32
}

func (r *spoolReader) Read(p []byte) (int, error) {
	n, err := r.file.Read(p)
	r.sum = crc32.Update(r.sum, castagnoli, p[:n])
	if err == io.EOF && r.sum != r.want {
		err = fmt.Errorf("%w: spool file %s has checksum %08x, was written with %08x", ErrMalformed, r.file.Name(), r.sum, r.want)
	}
	return n, err
}
