package sim

import (
	"testing"
)

// A driver that breaks a rule loses writes, shows old values, or has two shards own a slot: the simulation has to notice.
// Otherwise it would prove nothing about drivers that keep the rules.
func TestDriversThatBreakARuleOfTheHandOverAreNoticed(t *testing.T) {
	for name, broken := range map[string]handBroken{
		"the source takes its slots back after a time (rule 17)":                       {unfreezeTimeout: true},
		"a migration that the meta group does not know counts as aborted (rule 17)":    {absentMeansAbort: true},
		"a decision is forgotten before both groups have noted the end (rules 17, 24)": {forgetsEarly: true, absentMeansAbort: true},
		"the commit is asked for before the target has the final chunk (rule 16)":      {commitBeforeFinal: true},
		"the last decision wins (rule 16)":                                             {lastDecisionWins: true},
		"the source drops its keys before the commit (rule 17)":                        {dropEarly: true},
		"the target serves before the commit (rule 17)":                                {activateEarly: true},
		"two streams of one leader are one attempt (rule 15)":                          {attemptIsIncarnation: true},
		"the source's version is that of the beginning of the stream (rule 18)":        {versionAtCopy: true},
		"effects behind the copy are not sent (DESIGN 7)":                              {effectsLost: true},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= handBrokenRuns; seed++ {
				if violation, _ := runHand(t, seed, *handSteps, broken); violation != "" {
					t.Logf("seed %d: %s", seed, violation)
					return
				}
			}
			t.Errorf("%d seeds show nothing", handBrokenRuns)
		})
	}
}

const handBrokenRuns = 400
