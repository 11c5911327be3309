package command

import "slices"

// Category is a set of ACL categories (Redis, "ACL", section Command categories).
type Category uint32

// The categories of Redis, in its order, so that rules written for Redis are understood. No command of the table is in some of them.
// CatRead, CatWrite, CatPubSub, CatFast and CatSlow follow from the flags; so do CatAdmin and CatDangerous for commands flagged Admin.
const (
	CatKeyspace Category = 1 << iota
	CatRead
	CatWrite
	CatSet
	CatSortedSet
	CatList
	CatHash
	CatString
	CatBitmap
	CatHyperLogLog
	CatGeo
	CatStream
	CatPubSub
	CatAdmin
	CatFast
	CatSlow
	CatBlocking
	CatDangerous
	CatConnection
	CatTransaction
	CatScripting
)

var categoryNames = []string{
	"keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo", "stream",
	"pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction", "scripting",
}

// Names lists the categories without the leading '@'.
func (c Category) Names() []string { return names(uint32(c), categoryNames) }

// categoryByName finds a category, 0 where there is none of that name.
func categoryByName(name string) Category {
	i := slices.Index(categoryNames, name)
	if i < 0 {
		return 0
	}
	return 1 << i
}

// impliedBy is what the flags of a command say about its categories, beside those that it is given (Redis, server.c,
// setImplicitACLCategories).
func impliedBy(f Flag, of Category) Category {
	implied := CatSlow
	if f&Fast != 0 {
		implied = CatFast
	}
	if f&Write != 0 {
		implied |= CatWrite
	}
	if f&ReadOnly != 0 && of&CatScripting == 0 {
		implied |= CatRead
	}
	if f&Admin != 0 {
		implied |= CatAdmin | CatDangerous
	}
	if f&PubSub != 0 {
		implied |= CatPubSub
	}
	return implied
}
