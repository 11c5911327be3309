package sim

import (
	"testing"
)

// A driver that breaks a rule loses writes, shows old values, or has two shards own a slot: the simulation has to notice.
// Otherwise it would prove nothing about drivers that keep the rules.
func TestDriversThatBreakARuleOfTheHandOverAreNoticed(t *testing.T) {
	if handRunsDefault < handBrokenRuns {
		t.Skip("the race detector leaves no time for so many seeds, and finds nothing here that it does not find without mistakes")
	}
	type mistake struct {
		handBroken
		// endless tells that the state machine keeps the harm away: the hand-over never ends.
		endless bool
	}
	for name, broken := range map[string]mistake{
		"the source takes its slots back after a time (rule 17)":                       {handBroken: handBroken{unfreezeTimeout: true}},
		"a migration that the meta group does not know counts as aborted (rule 17)":    {handBroken: handBroken{absentMeansAbort: true}},
		"a decision is forgotten before both groups have noted the end (rules 17, 24)": {handBroken: handBroken{forgetsEarly: true, absentMeansAbort: true}},
		"the commit is asked for before the target has the final chunk (rule 16)":      {handBroken: handBroken{commitBeforeFinal: true}, endless: true},
		"the last decision wins (rule 16)":                                             {handBroken: handBroken{lastDecisionWins: true}},
		"the source drops its keys before the commit (rule 17)":                        {handBroken: handBroken{dropEarly: true}},
		"the target serves before the commit (rule 17)":                                {handBroken: handBroken{activateEarly: true}},
		"two streams of one leader are one attempt (rule 15)":                          {handBroken: handBroken{attemptIsIncarnation: true}},
		"the source's version is that of the beginning of the stream (rule 18)":        {handBroken: handBroken{versionAtCopy: true}},
		"effects behind the copy are not sent (DESIGN 7)":                              {handBroken: handBroken{effectsLost: true}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= handBrokenRuns; seed++ {
				// That a hand-over never ends is noticed soon; what is asked for is the harm, where there can be any.
				if violation, stat := runHand(t, seed, *handSteps, broken.handBroken); violation != "" && stat.stuck == broken.endless {
					t.Logf("seed %d: %s", seed, violation)
					return
				}
			}
			t.Errorf("%d seeds show nothing", handBrokenRuns)
		})
	}
}

// handBrokenRuns is some times what each takes.
const handBrokenRuns = 100
