package client

import (
	"cmp"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// place is where the watch of some slots is: at a shard, behind a token of its leader, or behind the arrival of the slots by a
// migration; with neither it has not begun.
type place struct {
	slots     []slot.Range
	shard     slot.ShardID
	token     []byte
	migration uint64
	// skip counts the events behind it that were returned already.
	skip uint64
}

// resume is what a place that has begun goes on from, nil for one that has not.
func (p *place) resume() []byte {
	if p.migration != 0 {
		return []byte{}
	}
	return p.token
}

// places are where a watcher begins.
func (w *Watcher) places() ([]place, error) {
	watch := &w.watch
	switch {
	case watch.Key != "" && (watch.Prefix != "" || len(watch.Slots) > 0), watch.AfterVersion != 0 && (watch.Key == "" || watch.From != nil):
		return nil, apierr.New(apierr.KindInvalid, "watch: Key goes with neither Prefix nor Slots, AfterVersion with Key and without From")
	case watch.From != nil:
		return parsePlaces(watch.From)
	}
	ranges := watch.Slots
	switch {
	case watch.Key != "":
		s := slot.Of([]byte(watch.Key))
		ranges = []slot.Range{{First: s, Last: s}}
	case len(ranges) == 0:
		ranges = []slot.Range{{First: 0, Last: slot.Count - 1}}
	}
	for _, r := range ranges {
		if !r.Valid() {
			return nil, apierr.New(apierr.KindInvalid, "watch: %v is no range of slots", r)
		}
	}
	return w.c.topology.latest.Load().split(ranges), nil
}

// split is slots by the shards that have them.
func (m *slotMap) split(ranges []slot.Range) []place {
	byShard := map[slot.ShardID][]slot.Range{}
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			shard := m.owners[s]
			byShard[shard] = append(byShard[shard], slot.Range{First: slot.ID(s), Last: slot.ID(s)})
		}
	}
	var places []place
	for _, shard := range slices.Sorted(maps.Keys(byShard)) {
		places = append(places, place{shard: shard, slots: slot.Normalize(byShard[shard])})
	}
	return places
}

// without is ranges without others, which are parts of them.
func without(ranges, others []slot.Range) []slot.Range {
	var left []slot.Range
	for _, r := range ranges {
		for s := int(r.First); s <= int(r.Last); s++ {
			if id := slot.ID(s); !slices.ContainsFunc(others, func(o slot.Range) bool { return o.Contains(id) }) {
				left = append(left, slot.Range{First: id, Last: id})
			}
		}
	}
	return slot.Normalize(left)
}

// placesFormat begins each token of a watcher.
const placesFormat = 1

// placesToken is places as bytes.
func placesToken(places []place) []byte {
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.slots[0].First, b.slots[0].First) })
	token := binary.AppendUvarint([]byte{placesFormat}, uint64(len(places)))
	for i := range places {
		p := &places[i]
		token = binary.AppendUvarint(token, uint64(p.shard))
		if len(p.token) > 0 {
			token = binary.AppendUvarint(token, 0) // what has a token goes on from it, however it came here
		} else {
			token = binary.AppendUvarint(token, p.migration)
		}
		token = binary.AppendUvarint(token, p.skip)
		token = binary.AppendUvarint(token, uint64(len(p.token)))
		token = append(token, p.token...)
		token = binary.AppendUvarint(token, uint64(len(p.slots)))
		for _, r := range p.slots {
			token = binary.LittleEndian.AppendUint16(token, uint16(r.First))
			token = binary.LittleEndian.AppendUint16(token, uint16(r.Last))
		}
	}
	return token
}

var errPlaces = errors.New("it is no watcher's token")

// parsePlaces reads what placesToken has made.
func parsePlaces(token []byte) ([]place, error) {
	bad := apierr.New(apierr.KindInvalid, "watch: From: %w", errPlaces)
	if len(token) == 0 || token[0] != placesFormat {
		return nil, bad
	}
	rest, ok := token[1:], true
	number := func() uint64 {
		n, length := binary.Uvarint(rest)
		if length <= 0 {
			ok, rest = false, nil
			return 0
		}
		rest = rest[length:]
		return n
	}
	var places []place
	for n := number(); ok && n > 0; n-- {
		p := place{shard: slot.ShardID(number()), migration: number(), skip: number()}
		length := number()
		if ok = ok && length <= uint64(len(rest)); !ok {
			break
		}
		p.token, rest = slices.Clone(rest[:length]), rest[length:]
		count := number()
		if ok = ok && count > 0 && count <= uint64(len(rest)/4); !ok {
			break
		}
		for ; count > 0; count-- {
			r := slot.Range{First: slot.ID(binary.LittleEndian.Uint16(rest)), Last: slot.ID(binary.LittleEndian.Uint16(rest[2:]))}
			ok = ok && r.Valid()
			p.slots, rest = append(p.slots, r), rest[4:]
		}
		ok = ok && (length > 0) != (p.migration > 0)
		places = append(places, p)
	}
	if !ok || len(rest) > 0 || len(places) == 0 {
		return nil, bad
	}
	return places, nil
}
