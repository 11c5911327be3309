package node

import (
	"context"
	"errors"
	"io"

	"github.com/holtcache/holt/gateway/router"
	cachev1 "github.com/holtcache/holt/proto/holt/cache/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/feed"
)

// watchBytes is about how much one response to a watcher carries.
const watchBytes = 256 << 10

var _ router.Watchable = (*replica)(nil)

// Watch begins to watch what a request asks for.
func (p *replica) Watch(request *cachev1.WatchRequest) (router.Changes, error) {
	r := p.r.Load()
	if r == nil {
		return nil, p.errLeft()
	}
	selection := feed.Selection{Slots: slotsOf(request.GetSlots()), Prefix: request.GetPrefix(), Keys: request.GetKeys()}
	from := shard.WatchStart{Token: request.GetResumeToken(), AfterVersion: request.GetAfterVersion(), AfterMigration: request.GetAfterMigrationId()}
	watch, err := r.Watch(selection, from)
	var compacted *feed.CompactedError
	switch {
	case errors.As(err, &compacted):
		return &changes{last: compactedResponse(compacted)}, nil
	case err != nil:
		return nil, err
	}
	return &changes{watch: watch, omitValues: request.GetOmitValues()}, nil
}

// changes is a watch as messages.
type changes struct {
	watch      *shard.Watch // nil where it could not begin
	omitValues bool
	// last, if set, is the last response, which was not sent yet.
	last *cachev1.WatchResponse
}

var _ router.Changes = (*changes)(nil)

func (c *changes) Next(ctx context.Context) (*cachev1.WatchResponse, error) {
	if last := c.last; last != nil || c.watch == nil {
		c.last = nil
		if last == nil {
			return nil, io.EOF
		}
		return last, nil
	}
	list, err := c.watch.Next(ctx, watchBytes)
	var compacted *feed.CompactedError
	switch {
	case errors.As(err, &compacted):
		c.Close()
		c.watch = nil
		return compactedResponse(compacted), nil
	case err != nil:
		return nil, err
	}
	response := c.Progress()
	for i := range list {
		c.add(response, &list[i])
	}
	return response, nil
}

func (c *changes) Progress() *cachev1.WatchResponse {
	if c.watch == nil {
		return &cachev1.WatchResponse{}
	}
	at := c.watch.Position()
	return &cachev1.WatchResponse{ResumeToken: at.Token(), Version: at.Version}
}

func (c *changes) Close() {
	if c.watch != nil {
		c.watch.Close()
	}
}

func (c *changes) add(response *cachev1.WatchResponse, change *feed.Change) {
	switch change.Kind {
	case feed.Left:
		response.SlotsLeft = &cachev1.SlotsLeft{Slots: watchedSlots(change.Slots), ToShardId: uint64(change.To), MigrationId: change.Migration}
	case feed.Emptied:
		response.Events = append(response.Events, &cachev1.WatchEvent{
			Kind: cachev1.WatchEventKind_WATCH_EVENT_KIND_FLUSH, Version: change.Version, Slots: watchedSlots(change.Slots),
		})
	case feed.Effect:
		response.Events = append(response.Events, c.event(change.Effect))
	}
}

func (c *changes) event(e *entry.Effect) *cachev1.WatchEvent {
	event := &cachev1.WatchEvent{Kind: eventKind(e), Key: e.Key, Version: e.Version, Offset: e.Offset, Field: e.Field, ExpireAtMs: e.ExpireAt}
	if e.Kind == entry.EffectSet || e.OnField() {
		event.Type = valueType(e.Type)
	}
	switch {
	case c.omitValues:
	case e.Kind == entry.EffectSet && e.Type.HasFields():
		for f := range entry.Packed(e.Value).Entries() {
			event.Fields = append(event.Fields, &cachev1.WatchField{Name: f.Name, Value: f.Value})
		}
	default:
		event.Value = e.Value
	}
	return event
}

func eventKind(e *entry.Effect) cachev1.WatchEventKind {
	switch e.Kind {
	case entry.EffectSet:
		return cachev1.WatchEventKind_WATCH_EVENT_KIND_SET
	case entry.EffectPatch:
		return cachev1.WatchEventKind_WATCH_EVENT_KIND_PATCH
	case entry.EffectSetField:
		return cachev1.WatchEventKind_WATCH_EVENT_KIND_SET_FIELD
	case entry.EffectDelField:
		return cachev1.WatchEventKind_WATCH_EVENT_KIND_DELETE_FIELD
	case entry.EffectExpire:
		return cachev1.WatchEventKind_WATCH_EVENT_KIND_EXPIRY
	case entry.EffectDel:
		switch e.Reason {
		case entry.ReasonExpire:
			return cachev1.WatchEventKind_WATCH_EVENT_KIND_EXPIRE
		case entry.ReasonEvict:
			return cachev1.WatchEventKind_WATCH_EVENT_KIND_EVICT
		}
		return cachev1.WatchEventKind_WATCH_EVENT_KIND_DELETE
	}
	return cachev1.WatchEventKind_WATCH_EVENT_KIND_UNSPECIFIED
}

func valueType(t entry.Type) cachev1.ValueType {
	switch t {
	case entry.TypeString:
		return cachev1.ValueType_VALUE_TYPE_STRING
	case entry.TypeHash:
		return cachev1.ValueType_VALUE_TYPE_HASH
	}
	return cachev1.ValueType_VALUE_TYPE_UNSPECIFIED
}

func compactedResponse(err *feed.CompactedError) *cachev1.WatchResponse {
	return &cachev1.WatchResponse{Compacted: &cachev1.Compacted{OldestVersion: err.Oldest, Reason: err.Error()}}
}

func slotsOf(watched []*cachev1.WatchedSlots) []slot.Range {
	var ranges []slot.Range
	for _, w := range watched {
		ranges = append(ranges, slot.Range{First: slot.ID(w.GetFirst()), Last: slot.ID(w.GetLast())})
	}
	return slot.Normalize(ranges)
}

func watchedSlots(ranges []slot.Range) []*cachev1.WatchedSlots {
	var watched []*cachev1.WatchedSlots
	for _, r := range ranges {
		watched = append(watched, &cachev1.WatchedSlots{First: uint32(r.First), Last: uint32(r.Last)})
	}
	return watched
}
