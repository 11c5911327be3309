package main

import "strings"

// verdict is what became of a planted defect.
type verdict string

const (
	found   verdict = "found"
	missed  verdict = "MISSED"
	unbuilt verdict = "BROKEN"  // it does not compile, which finds nothing
	late    verdict = "TIMEOUT" // which a slow machine gives too, so it finds nothing
)

// judge tells a failing test from one that passes, is not there, takes for ever, or could not be built.
func judge(output string, err error) verdict {
	switch {
	case strings.Contains(output, "[build failed]"), strings.Contains(output, "[setup failed]"), strings.Contains(output, "no tests to run"):
		return unbuilt
	case err == nil:
		return missed
	case strings.Contains(output, "panic: test timed out"):
		return late
	case strings.Contains(output, "--- FAIL"), strings.Contains(output, "panic:"), strings.Contains(output, "fatal error:"):
		return found
	}
	return unbuilt
}

// judgeSuite tells a broken promise from runs that are all right or show nothing, and from what could not be built.
func judgeSuite(output string, err error) verdict {
	switch {
	case strings.Contains(output, "robustness: FAILED: ") && strings.Contains(output, "runs broke a promise"):
		return found
	case err == nil, strings.Contains(output, "robustness: INVALID: "):
		return missed
	}
	return unbuilt
}
