package meta

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/proto/apierr"
)

// SaveRule asks for a snapshot once Every has passed since the last one and at least Changes keys were written since then
// (redis.conf, "save").
type SaveRule struct {
	Every   time.Duration
	Changes uint64
}

// saveRulesMax bounds the rules: each is looked at every second. Redis' own default has three.
const saveRulesMax = 16

// saveSecondsMax keeps the seconds within a time.Duration by far: about 68 years, Redis' bound.
const saveSecondsMax = 1<<31 - 1

// errSave has the text of Redis.
var errSave = apierr.New(apierr.KindInvalid, "Invalid save parameters")

// ParseSave reads pairs of seconds and changes, as redis.conf has them: "3600 1 300 100". No text means no rules.
func ParseSave(text string) ([]SaveRule, error) {
	words := strings.Fields(text)
	if len(words)%2 != 0 || len(words) > 2*saveRulesMax {
		return nil, errSave
	}
	var rules []SaveRule
	for i := 0; i < len(words); i += 2 {
		seconds, err := strconv.ParseUint(words[i], 10, 64)
		if err != nil || seconds < 1 || seconds > saveSecondsMax {
			return nil, errSave
		}
		changes, err := strconv.ParseUint(words[i+1], 10, 31)
		if err != nil {
			return nil, errSave
		}
		rules = append(rules, SaveRule{Every: time.Duration(seconds) * time.Second, Changes: changes})
	}
	return rules, nil
}

// FormatSave is the inverse of ParseSave, in the one form in which the state keeps rules.
func FormatSave(rules []SaveRule) string {
	var words []string
	for _, r := range rules {
		words = append(words, fmt.Sprint(int64(r.Every/time.Second)), fmt.Sprint(r.Changes))
	}
	return strings.Join(words, " ")
}
