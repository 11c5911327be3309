// Command bugs plants defects in the product, one at a time: the test named for each, or the robustness suite, has to fail.
//
//	go run ./tests/bugs            all of them, with a table
//	go run ./tests/bugs -list      what there is
//	go run ./tests/bugs -only X    those whose name matches the regular expression X
//	go run ./tests/bugs -new       those that BUGS.md does not tell of as they stand now
//	go run ./tests/bugs -unfound   those that the suite has been let look for in vain
//	go run ./tests/bugs -page      only make BUGS.md anew
//
// With -write the results go to measured.json, and from there to BUGS.md.
//
// The tree is not touched: the compiler is shown the changed files in place of the real ones (go help build, -overlay).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"slices"
)

// choice is what of the table is to be planted, and what becomes of the results.
type choice struct {
	only                      string
	list, unmeasured, unfound bool
	write, pageOnly           bool
	match                     *regexp.Regexp
}

func main() {
	var c choice
	flag.StringVar(&c.only, "only", "", "regular expression that names must match")
	flag.BoolVar(&c.list, "list", false, "print the table without running anything")
	flag.BoolVar(&c.unmeasured, "new", false, "leave out what "+measuredFile+" tells of")
	flag.BoolVar(&c.unfound, "unfound", false, "let the suite look once more for what it has not found so far, and for nothing else")
	flag.BoolVar(&c.write, "write", false, "write the results to "+measuredFile+" and "+pageFile)
	flag.BoolVar(&c.pageOnly, "page", false, "run nothing, and write "+pageFile+" from "+measuredFile)
	flag.Parse()
	if err := plantAll(c); err != nil {
		fmt.Fprintln(os.Stderr, "bugs:", err)
		os.Exit(1)
	}
}

func plantAll(c choice) (err error) {
	if c.match, err = regexp.Compile(c.only); err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	m, err := readMeasured(root)
	if err != nil {
		return err
	}
	if c.pageOnly {
		return m.save(root)
	}
	chosen := c.choose(m)
	if c.list {
		for _, b := range chosen {
			fmt.Printf("%-28s rule %-10s %-10s %s %s\n", b.name, b.rule, b.level(), b.pkg, b.test)
		}
		return nil
	}
	if len(chosen) == 0 {
		return fmt.Errorf("nothing to plant: no name matches %q, or all of them are measured", c.only)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := control(ctx, root, chosen); err != nil {
		return err
	}
	return c.plant(ctx, root, chosen, m)
}

// choose lists the rows to be planted.
func (c choice) choose(m *measurements) []bug {
	from := bugs
	if c.unfound {
		from = unfound
	}
	return slices.DeleteFunc(slices.Clone(from), func(b bug) bool {
		return !c.match.MatchString(b.name) || c.unmeasured && m.tells(b)
	})
}

// plant plants them one after the other, and says and writes what came of each at once.
func (c choice) plant(ctx context.Context, root string, chosen []bug, m *measurements) error {
	missing := 0
	var all []result
	for _, b := range chosen {
		r := plant(ctx, root, b)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Printf("%-28s rule %-10s %6.1f s %6.1f s CPU  %-8s %s\n", b.name, b.rule, r.looked.Seconds(), r.cpu.Seconds(), r.verdict, b.test)
		all = append(all, r)
		if r.verdict != found && !c.unfound {
			missing++
			fmt.Println(r.output)
		}
		if c.write && (r.verdict == found || c.unfound) {
			m.note(b, r)
			if err := m.save(root); err != nil {
				return err
			}
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d planted defects were not found", missing, len(chosen))
	}
	fmt.Println(summary(all))
	return nil
}
