package transport

import (
	"encoding/binary"
	"fmt"
)

// confirmGroupsMax bounds one Confirm: as many groups as there are slots.
const confirmGroupsMax = 16384

func appendConfirm(b []byte, q []GroupTerm) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(q)))
	for _, gt := range q {
		b = appendUint64s(b, uint64(gt.Group), gt.Term)
	}
	return b
}

func (d *decoder) confirm() []GroupTerm {
	q := make([]GroupTerm, d.count(16))
	for i := range q {
		q[i] = GroupTerm{Group: GroupID(d.uint64()), Term: d.uint64()}
	}
	return q
}

// appendConfirmReply writes a bitmap, lowest bit first.
func appendConfirmReply(b []byte, ok []bool) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(ok)))
	start := len(b)
	b = append(b, make([]byte, (len(ok)+7)/8)...)
	for i, v := range ok {
		if v {
			b[start+i/8] |= 1 << (i % 8)
		}
	}
	return b
}

// confirmReply wants an answer to each of n questions.
func (d *decoder) confirmReply(n int) []bool {
	if got := d.uint32(); d.err == nil && int64(got) != int64(n) {
		d.fail(fmt.Sprintf("%d answers to %d questions", got, n))
	}
	bitmap := d.take((n + 7) / 8)
	if d.err != nil {
		return nil
	}
	if n%8 != 0 && bitmap[n/8]>>(n%8) != 0 {
		d.fail("answers to no question")
		return nil
	}
	ok := make([]bool, n)
	for i := range ok {
		ok[i] = bitmap[i/8]&(1<<(i%8)) != 0
	}
	return ok
}
