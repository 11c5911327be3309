package ops

import (
	"slices"

	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/raftfsm/entry"
)

// The errors of LCS; their texts are those of Redis.
var (
	ErrLCSType  = apierr.New(apierr.KindInvalid, "The specified keys must contain string values")
	ErrLCSTable = apierr.New(apierr.KindTooLarge, "Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")
)

// LCSMatch is a part that two values have in common: where it begins and ends in each, both included.
type LCSMatch struct{ StartA, EndA, StartB, EndB int }

// Bytes is its length.
func (m LCSMatch) Bytes() int { return m.EndA - m.StartA + 1 }

// LCSResult is the longest common subsequence of two values.
type LCSResult struct {
	Text []byte
	// Matches are the parts that it is made of, the last one first.
	Matches []LCSMatch
}

// LCS returns the longest common subsequence of the values of two keys (redis.io/commands/lcs). Time and memory are the
// product of the lengths, so that is limited as a value is.
func LCS(r Reader, limits Limits, keyA, keyB []byte) (LCSResult, error) {
	itemA, okA := r.Get(keyA)
	itemB, okB := r.Get(keyB)
	if okA && itemA.Type != entry.TypeString || okB && itemB.Type != entry.TypeString {
		return LCSResult{}, ErrLCSType
	}
	t := lcsTable{a: itemA.Value, b: itemB.Value}
	if int64(len(t.a)+1)*int64(len(t.b)+1)*4 > int64(limits.ValueBytesMax) {
		return LCSResult{}, ErrLCSTable
	}
	t.fill()
	return t.result(), nil
}

// lcsTable has, row by row, the length of the longest common subsequence of the first i bytes of a and the first j of b.
type lcsTable struct {
	a, b    []byte
	lengths []uint32
}

func (t *lcsTable) at(i, j int) uint32 { return t.lengths[i*(len(t.b)+1)+j] }

func (t *lcsTable) fill() {
	width := len(t.b) + 1
	t.lengths = make([]uint32, (len(t.a)+1)*width)
	for i := range t.a {
		above, row := t.lengths[i*width:], t.lengths[(i+1)*width:]
		for j := range t.b {
			if t.a[i] == t.b[j] {
				row[j+1] = above[j] + 1
			} else {
				row[j+1] = max(above[j+1], row[j])
			}
		}
	}
}

// result goes back through the table. Of several subsequences of the same length it takes the one that Redis takes.
func (t *lcsTable) result() LCSResult {
	var result LCSResult
	var match *LCSMatch // the one that grows to the front
	for i, j := len(t.a), len(t.b); i > 0 && j > 0; {
		if t.a[i-1] != t.b[j-1] {
			match = nil
			if t.at(i-1, j) > t.at(i, j-1) {
				i--
			} else {
				j--
			}
			continue
		}
		i, j = i-1, j-1
		result.Text = append(result.Text, t.a[i])
		if match == nil {
			result.Matches = append(result.Matches, LCSMatch{EndA: i, EndB: j})
			match = &result.Matches[len(result.Matches)-1]
		}
		match.StartA, match.StartB = i, j
	}
	slices.Reverse(result.Text)
	return result
}
