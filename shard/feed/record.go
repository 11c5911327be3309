package feed

import (
	"fmt"

	"github.com/holtcache/holt/raftfsm/entry"
)

// record is one entry of the log, decoded. Nobody changes it.
type record struct {
	index, term uint64
	// header.Kind is 0 for an entry that carries no record of ours.
	header entry.Header
	batch  entry.Batch // of a KindBatch
	bytes  int
}

// decode reads an entry. data becomes the record's.
func decode(index, term uint64, data []byte) (*record, error) {
	r := &record{index: index, term: term, bytes: len(data) + recordOverheadBytes}
	if data == nil {
		return r, nil
	}
	var body []byte
	var err error
	if r.header, body, err = entry.DecodeHeader(data); err == nil && r.header.Kind == entry.KindBatch {
		err = entry.DecodeBatch(body, &r.batch)
	}
	if err != nil {
		return nil, fmt.Errorf("log index %d: %w", index, err)
	}
	for i := range r.batch.Sections {
		r.bytes += len(r.batch.Sections[i].Effects) * effectBytes
	}
	return r, nil
}

const (
	// recordOverheadBytes and effectBytes are about what a record, and each effect of it, takes beside its entry.
	recordOverheadBytes = 256
	effectBytes         = 160
)

// Limits of the ring: the entries of about a second of heavy writing, and at most so much memory. Who is further behind reads
// the log.
const (
	ringRecords = 2048
	ringBytes   = 8 << 20
)

// ring keeps the latest records that were decoded, for readers that come to them later. Feed.mu protects it.
type ring struct {
	records []*record // with indexes that follow each other
	bytes   int
}

func (r *ring) get(index uint64) *record {
	if len(r.records) == 0 || index < r.records[0].index {
		return nil
	}
	if i := index - r.records[0].index; i < uint64(len(r.records)) {
		return r.records[i]
	}
	return nil
}

// put adds a record that comes behind those that are there; where there is a gap, it begins anew. Older ones are not taken.
func (r *ring) put(added *record) {
	if n := len(r.records); n > 0 {
		switch last := r.records[n-1].index; {
		case added.index <= last:
			return
		case added.index > last+1:
			r.clear()
		}
	}
	r.records = append(r.records, added)
	r.bytes += added.bytes
	for len(r.records) > ringRecords || r.bytes > ringBytes && len(r.records) > 0 {
		r.bytes -= r.records[0].bytes
		r.records[0] = nil
		r.records = r.records[1:]
	}
}

func (r *ring) clear() { *r = ring{} }
