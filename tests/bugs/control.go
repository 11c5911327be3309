package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// control runs the tests of all rows on the tree as it is. Each has to pass there: a test that fails anyway would find
// whatever is planted. The suite is left out, since it names the promise that was broken, and no run may break one.
func control(ctx context.Context, root string, chosen []bug) error {
	tests := map[string][]string{}
	var pkgs []string
	for _, b := range chosen {
		switch {
		case b.level() == levelSuite:
			continue
		case tests[b.pkg] == nil:
			pkgs = append(pkgs, b.pkg)
		}
		if !slices.Contains(tests[b.pkg], b.test) {
			tests[b.pkg] = append(tests[b.pkg], b.test)
		}
	}
	for _, pkg := range pkgs {
		o := run(ctx, root, os.Environ(), "go", goTest(strings.Join(tests[pkg], "|"), pkg, clusterTime*2)...)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Printf("%-28s %6.1f s %6.1f s CPU  nothing planted, %d tests\n", pkg, o.took.Seconds(), o.cpu.Seconds(), len(tests[pkg]))
		if o.err != nil {
			return fmt.Errorf("tests of %s fail with nothing planted:\n%s", pkg, tail(o.text))
		}
	}
	return nil
}
