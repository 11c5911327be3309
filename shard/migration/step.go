package migration

import "github.com/holtcache/holt/proto/slot"

// Step names a point in the life of a migration. Tests stop, kill or cut off a node there; nothing else depends on them.
type Step string

// The steps in the order in which they come. Those of the source: copy-begun to final-sent, before-drop, dropped. Those of
// the target: final-applied to activated. before-end comes on both.
const (
	StepCopyBegun      Step = "copy-begun"
	StepCopied         Step = "copied"
	StepBeforeFreeze   Step = "before-freeze"
	StepFrozen         Step = "frozen"
	StepFinalSent      Step = "final-sent"
	StepFinalApplied   Step = "final-applied"
	StepBeforeCommit   Step = "before-commit"
	StepCommitted      Step = "committed"
	StepBeforeActivate Step = "before-activate"
	StepActivated      Step = "activated"
	StepBeforeDrop     Step = "before-drop"
	StepDropped        Step = "dropped"
	StepBeforeEnd      Step = "before-end"
)

// Steps lists all steps.
var Steps = []Step{
	StepCopyBegun, StepCopied, StepBeforeFreeze, StepFrozen, StepFinalSent, StepFinalApplied, StepBeforeCommit, StepCommitted,
	StepBeforeActivate, StepActivated, StepBeforeDrop, StepDropped, StepBeforeEnd,
}

// Hook hears of each step of the migrations that a shard of this node drives, on the goroutine that takes it.
type Hook func(step Step, migration uint64, shard slot.ShardID)
