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
// result deletes it. It returns the length (redis.io/commands/bitop).
func BitOp(tx Tx, op BitOperation, target []byte, keys [][]byte) (int, error) {
	values, length := make([][]byte, len(keys)), 0
	for i, key := range keys {
		item, _, err := getString(tx, key)
		if err != nil {
			return 0, err
		}
		values[i] = item.Value
		length = max(length, len(item.Value))
	}
	if length == 0 {
		tx.Delete(target)
		return 0, nil
	}
	result := make([]byte, length)
	copy(result, values[0])
	for _, value := range values[1:] {
		op.combine(result, value)
	}
	if op == BitNot {
		for i := range result {
			result[i] = ^result[i]
		}
	}
	tx.Set(target, result, entry.TypeString, 0)
	return length, nil
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
