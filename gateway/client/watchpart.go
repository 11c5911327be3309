package client

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/holtcache/holt/proto/apierr"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
)

const (
	// silenceMax is for how long a node may say nothing on a stream: some of the progress that it is asked for.
	silenceMax = 5 * time.Second
	// progressEvery is what it is asked for where the user wants nothing more often.
	progressEvery = time.Second
	// vanishedMax is for how long a shard may be missing in the slot map before it is taken for dissolved, and its changes with it.
	vanishedMax = 10 * time.Second
)

// watchPart watches some slots at one shard, at whoever leads it.
type watchPart struct {
	w *Watcher
	// from is where it began.
	from place
	// at is where it goes on. Its goroutine owns it.
	at place
	// hint is where the last answer has sent it.
	hint string
}

// begin starts the parts that the watcher begins with.
func (w *Watcher) begin(ctx context.Context, places []place) {
	for _, p := range places {
		part := &watchPart{w: w, from: p, at: p}
		w.enter(part)
		w.wg.Go(func() { part.run(ctx) })
	}
}

// run watches until ctx ends or nothing more can come.
func (p *watchPart) run(ctx context.Context) {
	pause, missing, hinted := pauseMin, time.Time{}, false
	for len(p.at.slots) > 0 {
		changed := p.w.c.topology.change()
		m := p.w.c.topology.latest.Load()
		leads, known := m.shards[p.at.shard]
		switch {
		case known:
			missing = time.Time{}
		case missing.IsZero():
			missing = time.Now()
		case time.Since(missing) > vanishedMax:
			p.tell(ctx, told{response: &cachev1.WatchResponse{Compacted: &cachev1.Compacted{Reason: "compacted: the shard is gone"}}})
			return
		}
		addr := p.hint
		if addr == "" {
			addr = leads.addr
		}
		p.hint = ""
		over := true
		if addr != "" {
			heard := false
			if heard, over = p.watchAt(ctx, addr, leads.addr); heard {
				pause = pauseMin
			}
			if over {
				return
			}
		}
		if hinted = p.hint != "" && !hinted; hinted {
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-changed:
		case <-timer.C:
			pause = min(2*pause, pauseMax)
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// watchAt watches at one node until that breaks off, or another one is known to lead the shard. heard tells whether it has said
// anything, over whether nothing more is to be done.
func (p *watchPart) watchAt(ctx context.Context, addr, leader string) (heard, over bool) {
	l, err := p.w.c.link(addr)
	if err != nil {
		return false, ctx.Err() != nil
	}
	streaming, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(silenceMax, cancel)
	defer silence.Stop()
	if addr == leader {
		ended, shard := make(chan struct{}), p.at.shard
		defer func() { cancel(); <-ended }()
		go func() {
			defer close(ended)
			p.untilMoved(streaming, cancel, shard, addr)
		}()
	}
	stream, err := cachev1.NewCacheServiceClient(l.conn).Watch(streaming, p.request(), grpc.WaitForReady(false))
	for err == nil {
		var response *cachev1.WatchResponse
		silence.Reset(silenceMax)
		if response, err = stream.Recv(); err != nil {
			break
		}
		silence.Stop()
		heard = true
		if over = p.take(ctx, response); over {
			return heard, true
		}
	}
	if ctx.Err() != nil {
		return heard, true
	}
	return heard, p.failed(ctx, err)
}

// untilMoved cancels a stream once another node is known to lead the shard: the one that is watched may be cut off.
func (p *watchPart) untilMoved(ctx context.Context, cancel context.CancelFunc, shard slot.ShardID, addr string) {
	for {
		changed := p.w.c.topology.change()
		if now := p.w.c.topology.latest.Load().shards[shard].addr; now != "" && now != addr {
			cancel()
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (p *watchPart) request() *cachev1.WatchRequest {
	watch := &p.w.watch
	r := &cachev1.WatchRequest{ShardId: uint64(p.at.shard), Prefix: []byte(watch.Prefix), OmitValues: watch.OmitValues}
	if watch.Key != "" {
		r.Keys = [][]byte{[]byte(watch.Key)}
	}
	for _, s := range p.at.slots {
		r.Slots = append(r.Slots, &cachev1.WatchedSlots{First: uint32(s.First), Last: uint32(s.Last)})
	}
	interval := progressEvery
	if watch.Progress > 0 {
		interval = min(interval, watch.Progress)
	}
	r.ProgressIntervalMs = uint32(max(interval.Milliseconds(), 1))
	switch {
	case len(p.at.token) > 0:
		r.Start = &cachev1.WatchRequest_ResumeToken{ResumeToken: p.at.token}
	case p.at.migration != 0:
		r.Start = &cachev1.WatchRequest_AfterMigrationId{AfterMigrationId: p.at.migration}
	case watch.AfterVersion != 0:
		r.Start = &cachev1.WatchRequest_AfterVersion{AfterVersion: watch.AfterVersion}
	}
	return r
}

// take hands a response over and tells whether the part is over.
func (p *watchPart) take(ctx context.Context, response *cachev1.WatchResponse) (over bool) {
	t := told{response: response}
	if left := response.GetSlotsLeft(); left != nil {
		next := place{shard: slot.ShardID(left.GetToShardId()), migration: left.GetMigrationId()}
		for _, s := range left.GetSlots() {
			next.slots = append(next.slots, slot.Range{First: slot.ID(s.GetFirst()), Last: slot.ID(s.GetLast())})
		}
		t.further = &watchPart{w: p.w, from: next, at: next}
		p.at.slots = without(p.at.slots, next.slots)
	}
	if !p.tell(ctx, t) {
		return true
	}
	if token := response.GetResumeToken(); len(token) > 0 {
		p.at.token = token
	}
	if t.further != nil {
		p.w.wg.Go(func() { t.further.run(ctx) })
	}
	return response.GetCompacted() != nil || len(p.at.slots) == 0
}

// tell hands something over to Next, however long that takes; false means that the watcher is closed.
func (p *watchPart) tell(ctx context.Context, t told) bool {
	t.part = p
	select {
	case p.w.told <- t:
		return true
	case <-ctx.Done():
		return false
	}
}

// failed takes note of why a stream ended and tells whether there can't be another one.
func (p *watchPart) failed(ctx context.Context, err error) (over bool) {
	answer := callErrorOf(err)
	if answer == nil { // broken off
		p.w.c.topology.doubted()
		return false
	}
	switch e := errorOf(answer); e.Kind {
	case apierr.KindNotLeader:
		p.hint = answer.GetDetail().GetLeaderGrpcAddr()
		p.w.c.topology.doubted()
	case apierr.KindNotOwned, apierr.KindImporting:
		p.w.c.topology.doubted()
		return p.again(ctx)
	case apierr.KindInvalid, apierr.KindTooLarge, apierr.KindNoAuth, apierr.KindNoPermission, apierr.KindWrongPass, apierr.KindUnsupported:
		p.tell(ctx, told{err: e})
		return true
	}
	return false
}

// again looks for the slots anew, where the watch of them has not begun: the shard may not have them any more.
func (p *watchPart) again(ctx context.Context) (over bool) {
	if p.at.resume() != nil {
		return false
	}
	places := p.w.c.topology.latest.Load().split(p.at.slots)
	if len(places) > 1 {
		p.tell(ctx, told{instead: places})
		return true
	}
	p.at.shard = places[0].shard
	return false
}

// callErrorOf is what a server has answered, nil where the error is not a server's answer.
func callErrorOf(err error) *cachev1.CallError {
	st, ok := status.FromError(err)
	if !ok || errors.Is(err, context.Canceled) {
		return nil
	}
	for _, d := range st.Details() {
		if detail, ok := d.(*cachev1.ErrorDetail); ok {
			return &cachev1.CallError{Code: int32(st.Code()), Message: st.Message(), Detail: detail}
		}
	}
	return nil
}
