package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bug is one defect and the test that has to find it.
type bug struct {
	name string
	// rule is what the defect breaks, one or more of rules with commas between them.
	rule  string
	edits []edit
	// pkg and test name what has to fail; test is a regular expression as of go test -run, and for the robustness suite its
	// arguments.
	pkg, test string
}

// The levels at which a defect can be found, from the fastest to the one that knows least of the program.
const (
	levelUnit       = "unit"
	levelSimulation = "simulation"
	levelCluster    = "cluster"
	levelSuite      = "suite"
)

func (b bug) level() string {
	switch b.pkg {
	case simPkg:
		return levelSimulation
	case clusterPkg:
		return levelCluster
	case suitePkg:
		return levelSuite
	}
	return levelUnit
}

// What a test may take, beside its building. Tests of real processes are at the mercy of the machine.
const (
	testTime    = 2 * time.Minute
	clusterTime = 6 * time.Minute
	suiteTime   = 2 * time.Minute
	buildTime   = 5 * time.Minute
)

func (b bug) time() time.Duration {
	switch b.level() {
	case levelCluster:
		return clusterTime
	case levelSuite:
		return suiteTime
	}
	return testTime
}

// result is what became of a planted defect.
type result struct {
	verdict verdict
	// looked is for how long what had to find it ran, cpu what that and the building before it took of all processors.
	looked, cpu time.Duration
	output      string // the end of it
}

// plant runs the test of a bug on the changed tree.
func plant(ctx context.Context, root string, b bug) result {
	dir, err := os.MkdirTemp("", "bugs")
	if err != nil {
		return result{verdict: unbuilt, output: err.Error()}
	}
	defer os.RemoveAll(dir)
	overlay, err := writeOverlay(dir, root, b.edits)
	if err != nil {
		return result{verdict: unbuilt, output: err.Error()}
	}
	// Not as a flag of these commands alone: tests of real processes build the program themselves.
	env := append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -overlay="+overlay)
	ctx, cancel := context.WithTimeout(ctx, b.time()+buildTime)
	defer cancel()
	built := buildProgram(ctx, root, dir, env, b)
	if built.err != nil {
		return result{verdict: unbuilt, output: tail(built.text)}
	}
	if b.level() == levelSuite {
		r := plantInSuite(ctx, root, dir, env, b)
		r.cpu += built.cpu
		return r
	}
	o := run(ctx, root, env, "go", goTest(b.test, b.pkg, b.time(), "-count=1")...)
	return result{judge(o.text, o.err), o.testTime(), built.cpu + o.cpu, tail(o.text)}
}

// buildProgram builds the program where it is what the defect is in. Tests of real processes build it too, and would fail
// where it does not compile, as if they had found something.
func buildProgram(ctx context.Context, root, dir string, env []string, b bug) outcome {
	if level := b.level(); level != levelCluster && level != levelSuite {
		return outcome{}
	}
	return run(ctx, root, env, "go", "build", "-o", filepath.Join(dir, "program"), "./cmd/holt")
}

// goTest are the arguments that run tests fast: vet has seen the tree, and nobody debugs the binary.
func goTest(tests, pkg string, timeout time.Duration, more ...string) []string {
	args := append([]string{"test", "-vet=off", "-ldflags=-s -w", "-timeout", timeout.String()}, more...)
	return append(args, "-run", tests, "./"+pkg)
}

// plantInSuite lets the suite look for a bug. The suite is no child of the go command's, which would not pass a signal on.
func plantInSuite(ctx context.Context, root, dir string, env []string, b bug) result {
	suite := filepath.Join(dir, "suite")
	built := run(ctx, root, env, "go", "build", "-o", suite, "./"+b.pkg)
	if built.err != nil {
		return result{verdict: unbuilt, output: built.text}
	}
	args := []string{"suite", "-quiet", "-failfast", "-seed", "1", "-time", suiteTime.String(), "-out", dir}
	o := run(ctx, root, env, suite, append(args, strings.Fields(b.test)...)...)
	return result{judgeSuite(o.text, o.err), o.took, built.cpu + o.cpu, tail(o.text)}
}
