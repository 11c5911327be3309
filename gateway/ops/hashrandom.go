package ops

import (
	"math/rand/v2"

	"github.com/holtcache/holt/proto/apierr"
)

// randomFieldsMax bounds how often the same fields may come in one reply: nothing else does.
const randomFieldsMax = 1 << 20

// HRandField returns a copy of a field chosen at random, false where the key does not exist (redis.io/commands/hrandfield).
func HRandField(r Reader, key []byte) ([]byte, bool, error) {
	ok, err := hasHash(r, key)
	if err != nil || !ok {
		return nil, false, err
	}
	field, _, ok := r.RandomField(key, rand.Uint64, nil, nil)
	return field, ok, nil
}

// HRandFields gives count fields chosen at random, with copies of their values: different ones, all where there are not so many; for a
// negative count -count of them, of which some may be the same.
func HRandFields(r Reader, key []byte, count int64, yield func(field, value []byte)) error {
	ok, err := hasHash(r, key)
	switch {
	case err != nil || !ok || count == 0:
		return err
	case count < -randomFieldsMax:
		return apierr.New(apierr.KindTooLarge, "%d fields exceed the limit of %d at a time (randomFieldsMax)", -count, randomFieldsMax)
	case count < 0:
		for ; count < 0; count++ {
			field, value, ok := r.RandomField(key, rand.Uint64, nil, nil)
			if !ok {
				return nil
			}
			yield(field, value)
		}
		return nil
	}
	if n := int64(r.FieldCount(key)); count < n/randomShare {
		differentFields(r, key, int(count), yield)
	} else {
		someFields(r, key, count, n, yield)
	}
	return nil
}

// randomShare is which share of the fields is drawn one by one, until so many different ones have come; of a larger share each field
// is looked at (Redis, t_hash.c, HRANDFIELD_SUB_STRATEGY_MUL).
const randomShare = 3

func differentFields(r Reader, key []byte, count int, yield func(field, value []byte)) {
	seen := make(map[string]bool, count)
	for len(seen) < count {
		field, value, ok := r.RandomField(key, rand.Uint64, nil, nil)
		if !ok {
			return
		}
		if !seen[string(field)] {
			seen[string(field)] = true
			yield(field, value)
		}
	}
}

// someFields takes each of n fields with the probability that makes any choice of count as likely as any other.
func someFields(r Reader, key []byte, count, n int64, yield func(field, value []byte)) {
	r.EachField(key, func(field, value []byte) bool {
		if count >= n || rand.Int64N(n) < count {
			yield(clone(field), clone(value))
			count--
		}
		n--
		return count > 0
	})
}
