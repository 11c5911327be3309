package executor

import (
	"cmp"
	"slices"
)

// queue is a queue of requests in the order of their submission, in which a request can go back to its place.
type queue struct {
	items   []*Request
	head    int
	tickets uint64
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(requests []*Request) {
	for _, r := range requests {
		q.tickets++
		r.ticket = q.tickets
	}
	q.items = append(q.items, requests...)
}

// putBack takes requests that were popped before, in any order.
func (q *queue) putBack(requests []*Request) {
	if len(requests) == 0 {
		return
	}
	byTicket := func(a, b *Request) int { return cmp.Compare(a.ticket, b.ticket) }
	slices.SortFunc(requests, byTicket)
	inFront := q.len() == 0 || requests[len(requests)-1].ticket < q.items[q.head].ticket
	if inFront && q.head >= len(requests) {
		q.head -= len(requests)
		copy(q.items[q.head:], requests)
		return
	}
	q.items = append(append(make([]*Request, 0, len(requests)+q.len()), requests...), q.items[q.head:]...)
	q.head = 0
	if !inFront {
		slices.SortFunc(q.items, byTicket)
	}
}

// pop moves up to limit requests to dst.
func (q *queue) pop(dst []*Request, limit int) []*Request {
	n := min(limit, q.len())
	dst = append(dst, q.items[q.head:q.head+n]...)
	clear(q.items[q.head : q.head+n])
	q.head += n
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return dst
}
