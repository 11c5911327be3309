package executor

// Reset makes a request ready to be submitted once more and tells whether that is safe: it is where the request was
// answered for good, so that nobody refers to it any more. A write in async mode may still be waiting for its verdict, or
// for the log's word, and one that was abandoned may still be evaluated: those are left to the garbage collector.
func (r *Request) Reset() bool {
	if r.state.Load() != stateSettled || r.Err != nil || r.Ack != AckMajority {
		return false
	}
	r.state.Store(stateQueued)
	r.Result, r.Repeated, r.found, r.repeated = nil, false, nil, false
	r.Index, r.wrote, r.saw, r.waiter = 0, false, BatchID{}, nil
	return true
}
