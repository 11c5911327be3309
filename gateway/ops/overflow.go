package ops

import "math"

// next is what the field becomes, and whether the number that it was to become does not fit. What is set counts as added to
// nothing (Redis, bitops.c, checkSignedBitfieldOverflow).
func (s *FieldStep) next(old int64) (next int64, overflows bool) {
	add := s.Value
	if s.Kind == FieldSet {
		old, add = s.Value, 0
	}
	if s.Signed {
		return s.nextSigned(old, add)
	}
	return s.nextUnsigned(uint64(old), add)
}

func (s *FieldStep) nextSigned(old, add int64) (int64, bool) {
	highest := int64(math.MaxInt64) >> (64 - s.Bits)
	lowest := -highest - 1
	sum := int64(uint64(old) + uint64(add))
	tooHigh := old > highest || add > 0 && (sum < old || sum > highest)
	tooLow := old < lowest || add < 0 && (sum > old || sum < lowest)
	switch {
	case !tooHigh && !tooLow:
		return sum, false
	case s.Overflow == OverflowSat && tooHigh:
		return highest, true
	case s.Overflow == OverflowSat:
		return lowest, true
	}
	return sum << (64 - s.Bits) >> (64 - s.Bits), true
}

// nextUnsigned is for fields of up to 63 bits, whose numbers are positive as signed ones.
func (s *FieldStep) nextUnsigned(old uint64, add int64) (int64, bool) {
	highest := uint64(math.MaxUint64) >> (64 - s.Bits)
	sum := old + uint64(add)
	tooHigh := old > highest || add > 0 && uint64(add) > highest-old
	tooLow := !tooHigh && add < 0 && uint64(-add) > old
	switch {
	case !tooHigh && !tooLow:
		return int64(sum), false
	case s.Overflow == OverflowSat && tooHigh:
		return int64(highest), true
	case s.Overflow == OverflowSat:
		return 0, true
	}
	return int64(sum & highest), true
}
