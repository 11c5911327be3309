package gossip

import "maps"

// leadersMax bounds the leader hints. There cannot be more shards than slots, and each shard owns at least one.
const leadersMax = 16384

// leaders holds the newest hint for each shard. Offering a hint twice, or an older one later, changes nothing, so
// messages may come in any order and more than once.
type leaders map[uint64]Leader

// offerResult says what became of a hint.
type offerResult uint8

const (
	offerKnown offerResult = iota // nothing new
	offerNews
	offerRefused // leadersMax is reached
)

func (ls leaders) offer(l Leader) offerResult {
	old, known := ls[l.Shard]
	switch {
	case !known && len(ls) >= leadersMax:
		return offerRefused
	case known && !l.newerThan(old):
		return offerKnown
	}
	ls[l.Shard] = l
	return offerNews
}

// newerThan orders hints: by term, then a named leader before an unnamed one. Raft has at most one leader in a term
// (Raft §5.2); should two be named all the same, the higher id wins so that all nodes say the same.
func (l Leader) newerThan(old Leader) bool {
	if l.Term != old.Term {
		return l.Term > old.Term
	}
	return l.Node > old.Node
}

func (ls leaders) list() []Leader {
	list := make([]Leader, 0, len(ls))
	for _, l := range ls {
		list = append(list, l)
	}
	return list
}

func (ls leaders) clone() map[uint64]Leader { return maps.Clone(ls) }
