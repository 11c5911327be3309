package respserver

import "github.com/holtcache/holt/gateway/resp"

// behind bounds the reads of a round that stand behind its writes. The shard's executor evaluates those, for nobody else meanwhile,
// and copies what they show: a pipeline that reads one of the largest values again and again would hold up everybody for
// seconds. So a connection has few of them at first, more as long as their replies are small, and none once one was not: the
// writes are waited for then, and the connection's own goroutine reads.
type behind struct {
	// reads are those of the round, most is how many there may be.
	reads, most int
}

const (
	// behindFirst is the most of a new connection: evaluating so many of the largest values takes a few milliseconds each.
	behindFirst = 4
	// behindMax is more than a round has.
	behindMax = 1 << 10
)

func (b *behind) full() bool { return b.reads >= b.most }

// settled takes note that the round's replies are known, and whether there was a large one.
func (b *behind) settled(large bool) {
	switch {
	case large:
		b.most = 0
	case b.reads >= b.most && b.most > 0:
		b.most = min(2*b.most, behindMax)
	}
	b.reads = 0
}

// sawDirect takes note of the reply to a read that was not behind any write.
func (b *behind) sawDirect(v *resp.Value) {
	if b.most == 0 && sizeOf(v) < heldReplyMin {
		b.most = behindFirst
	}
}
