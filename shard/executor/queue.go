package executor

// queue is a double-ended queue of requests.
type queue struct {
	items []*Request
	head  int
}

func (q *queue) len() int { return len(q.items) - q.head }

func (q *queue) push(requests []*Request) { q.items = append(q.items, requests...) }

func (q *queue) pushFront(requests []*Request) {
	if q.head >= len(requests) {
		q.head -= len(requests)
		copy(q.items[q.head:], requests)
		return
	}
	q.items = append(append(make([]*Request, 0, len(requests)+q.len()), requests...), q.items[q.head:]...)
	q.head = 0
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
