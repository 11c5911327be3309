package executor

import "github.com/holtcache/holt/raftfsm/entry"

// pendingFields are the pending changes of a key's fields.
type pendingFields struct {
	fieldChanges
	// made is the batch that makes the key anew, while alone.
	made BatchID
	// head is the batch of the last change of what the key is: that it is there, its type, its expiry. The zero value: none is pending.
	head BatchID
}

// applied forgets what an effect of a batch has put into the store. Later changes stay.
func (p *pendingFields) applied(batch BatchID, e *entry.Effect) {
	if p.alone && p.made == batch {
		p.alone = false
	}
	if e.Kind == entry.EffectSet {
		for field, c := range p.changed {
			if c.batch == batch {
				delete(p.changed, field)
			}
		}
		return
	}
	if c, ok := p.changed[string(e.Field)]; ok && e.OnField() && c.batch == batch {
		delete(p.changed, string(e.Field))
	}
}

// putFields enters what a request has done to a key's fields.
func (o *slotOverlay) putFields(w *fieldWork, batch BatchID) {
	p, found := o.keys[string(w.key)]
	if p.fields == nil || w.alone {
		p.fields = &pendingFields{}
	}
	f := p.fields
	if w.alone {
		f.alone, f.made = true, batch
	}
	if w.alone || w.head {
		f.head = batch
	}
	for _, field := range w.names {
		c := w.changed[field]
		c.batch = batch
		f.put(field, c)
	}
	f.count, f.bytes = w.count, w.bytes
	if !found && o.keys == nil {
		o.keys = make(map[string]pending, 4)
	}
	o.keys[string(w.key)] = pending{item: w.item, batch: batch, fields: f}
}

// bytes is about what the key will take.
func (p *pending) bytes(key []byte) int64 {
	switch {
	case p.deleted:
		return 0
	case p.fields != nil:
		return p.fields.bytes
	}
	return itemBytes(key, p.item)
}
