package ops

import "github.com/holtcache/holt/raftfsm/entry"

// BitOperation combines values bit by bit.
type BitOperation uint8

// The operations of BITOP; BitNot has one operand.
const (
	BitAnd BitOperation = iota + 1
	BitOr
	BitXor
	BitNot
)

// BitOp combines the values of keys and gives the result, which is as long as the longest of them, to a key; an empty
// result deletes it. It returns the length (redis.io/commands/bitop). No more than one value is kept beside the result, however
// many keys there are.
func BitOp(tx Tx, op BitOperation, target []byte, keys [][]byte) (int, error) {
	var result []byte
	for i, key := range keys {
		item, _, err := getString(tx, key)
		if err != nil {
			return 0, err
		}
		if grow := len(item.Value) - len(result); grow > 0 {
			result = append(result, make([]byte, grow)...)
		}
		if i == 0 {
			copy(result, item.Value)
		} else {
			op.combine(result, item.Value)
		}
	}
	if len(result) == 0 {
		tx.Delete(target)
		return 0, nil
	}
	if op == BitNot {
		for i := range result {
			result[i] = ^result[i]
		}
	}
	tx.Set(target, result, entry.TypeString, 0)
	return len(result), nil
}

// combine combines the result so far with a value, which has zeros beyond its end.
func (op BitOperation) combine(result, value []byte) {
	switch op {
	case BitAnd:
		for i := range value {
			result[i] &= value[i]
		}
		clear(result[len(value):])
	case BitOr:
		for i := range value {
			result[i] |= value[i]
		}
	case BitXor:
		for i := range value {
			result[i] ^= value[i]
		}
	}
}
