package transport

// stampsMessage carries a portion of access stamps from a shard's leader. There is no reply.
type stampsMessage struct {
	group   GroupID
	term    uint64
	portion []byte
}

func appendStamps(b []byte, m stampsMessage) []byte {
	b = appendUint64s(b, uint64(m.group), m.term)
	return appendBytes(b, m.portion)
}

func (d *decoder) stamps() stampsMessage {
	m := stampsMessage{group: GroupID(d.uint64()), term: d.uint64(), portion: d.bytes()}
	if len(m.portion) > StampsBytesMax {
		d.fail("portion of stamps is too large")
	}
	return m
}
