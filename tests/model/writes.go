package model

import "fmt"

// CheckWrites is nil if a final reading holds what unique writes, one for each key, allow: all acknowledged ones, none
// that was refused, and of unknown ones either.
func CheckWrites(ops []Op, final map[string]string) error {
	for _, o := range ops {
		if o.Kind != Set {
			continue
		}
		value, found := final[o.Key]
		switch {
		case o.Outcome == OK && !found:
			return fmt.Errorf("an acknowledged write is lost: %s", o)
		case o.Outcome == NotApplied && found:
			return fmt.Errorf("a refused write took effect: %s", o)
		case found && value != o.Arg:
			return fmt.Errorf("key %s holds %q, which nobody wrote: %s", o.Key, value, o)
		}
	}
	return nil
}

// LostWrites lists the acknowledged writes that a final reading does not hold.
func LostWrites(ops []Op, final map[string]string) []Op {
	var lost []Op
	for _, o := range ops {
		if o.Kind == Set && o.Outcome == OK && final[o.Key] != o.Arg {
			lost = append(lost, o)
		}
	}
	return lost
}
