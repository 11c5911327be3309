package main

// scriptBugs are about scripts of clients.
var scriptBugs = []bug{
	{"refusedIsApplied", "scripts", []edit{{executorPkg + "/evaluate.go", "if e.tx.refused != nil {", "if false {"}},
		executorPkg, "^TestRequestThatRefusesItselfChangesNothing$"},
	{"scriptsAskNobody", "scripts", []edit{{"gateway/command/evaluation.go", "if e.guard != nil {", "if false {"}},
		respserverPkg, "^TestScriptsRunWhatTheirUserMayRun$"},
	{"scriptsLeaveTheirSlot", "scripts", []edit{{"gateway/command/evaluation.go", "case slot.Of(key) == e.slot:", "case len(key) > 0:"}},
		respserverPkg, "^TestScriptsStayInTheSlotOfTheirKeys$"},
	{"sandboxIsChanged", "scripts", []edit{{"gateway/script/sandbox.go", "if _, is := r.kept[t]; is {", "if false {"}},
		"gateway/script", "^TestScriptsLeaveNothingBehind$"},
}
