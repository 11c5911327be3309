package main

// fieldBugs are about keys that change field by field.
var fieldBugs = []bug{
	{"fieldChangesACapture", "DESIGN 5", []edit{{"raftfsm/store/setfield.go", "sl.keptFields(hash, e.Key))\n		x.set(", "nil)\n		x.set("}}, storePkg, "^TestCaptureOfALargeHash"},
	{"tableFreedUnderACapture", "DESIGN 5", []edit{{"raftfsm/store/drop.go", "kept: sl.keptFields(hash, c.key)}", "kept: nil}"}}, storePkg, "^TestCaptureOfALargeHash"},
	{"keyMadeByADeletion", "22", []edit{{"raftfsm/entry/builder.go", "makesKey && e.Kind == EffectDelField {", "makesKey && e.Kind == EffectDone {"}}, "raftfsm/entry", "^TestComposedFieldEffects"},
	{"fieldOfAnEarlierKey", "22", []edit{{executorPkg + "/txfields.go", "w.item, w.alone, w.bytes = store.Item{Type: typ}, true,", "w.item, w.alone, w.bytes = store.Item{Type: typ}, false,"}}, executorPkg, "^TestPendingFieldsAreSeen"},
	{"laterFieldForgotten", "5", []edit{{executorPkg + "/pendingfields.go", "ok && e.OnField() && c.batch == batch {", "ok && e.OnField() && c.order >= 0 {"}}, executorPkg, "^TestPendingFieldsAreSeen"},
	{"partReplacesTheOthers", "15", []edit{{"raftfsm/store/apply.go", "	if item.Part && old.Type == item.Type {", "	if false {"}}, storePkg, "^TestPortionsAndChanges"},
}
