package respserver

import (
	"bytes"
	"slices"
	"strings"

	"github.com/holtcache/holt/proto/apierr"
)

// prefixesMax bounds the prefixes of one connection: each is compared with every key that changes.
const prefixesMax = 1024

// prefixes are what keys begin with that a connection in BCAST mode is told of. Nobody changes one that others may see.
type prefixes []string

func (p prefixes) match(key []byte) bool {
	for _, prefix := range p {
		if len(key) >= len(prefix) && string(key[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}

// with adds prefixes; none stands for all keys. They must not overlap, or a change would be told twice (Redis, tracking.c,
// checkPrefixCollisionsOrReply, which forgets to refuse what overlaps behind the first).
func (p prefixes) with(more [][]byte) (prefixes, *apierr.Error) {
	for i, prefix := range more {
		for _, known := range p {
			if overlap(prefix, []byte(known)) {
				return nil, apierr.New(apierr.KindInvalid, "Prefix '%s' overlaps with an existing prefix '%s'. Prefixes for a single client must not overlap.", clip(prefix), clip([]byte(known)))
			}
		}
		for _, other := range more[i+1:] {
			if overlap(prefix, other) {
				return nil, apierr.New(apierr.KindInvalid, "Prefix '%s' overlaps with another provided prefix '%s'. Prefixes for a single client must not overlap.", clip(prefix), clip(other))
			}
		}
	}
	all := slices.Clone(p)
	for _, prefix := range more {
		all = append(all, string(prefix))
	}
	if len(more) == 0 && !slices.Contains(all, "") {
		all = append(all, "")
	}
	if len(all) > prefixesMax {
		return nil, apierr.New(apierr.KindTooLarge, "a client tracks at most %d prefixes", prefixesMax)
	}
	slices.SortFunc(all, strings.Compare)
	return all, nil
}

func overlap(a, b []byte) bool {
	n := min(len(a), len(b))
	return bytes.Equal(a[:n], b[:n])
}

// broadcast has a tracker told of every change of keys that begin with prefixes, from now on.
func (t *tracking) broadcast(tr *tracker, p prefixes) {
	tr.prefixes.Store(&p)
	t.changeBroadcasts(func(list []*tracker) []*tracker {
		if slices.Contains(list, tr) {
			return list
		}
		return append(list, tr)
	})
}

func (t *tracking) changeBroadcasts(change func([]*tracker) []*tracker) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*tracker
	if old := t.broadcasts.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = change(list); len(list) == 0 {
		t.broadcasts.Store(nil)
		return
	}
	t.broadcasts.Store(&list)
}

// tellBroadcasts tells of a change of a key, nil for all keys. State machines call it.
func (t *tracking) tellBroadcasts(key []byte) {
	list := t.broadcasts.Load()
	if list == nil {
		return
	}
	for _, tr := range *list {
		if key == nil || tr.prefixes.Load().match(key) {
			tr.invalidate(key)
		}
	}
}
