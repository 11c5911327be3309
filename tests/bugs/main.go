// Command bugs plants defects in the product, one at a time: the test named for each, or the robustness suite, has to fail.
//
//	go run ./tests/bugs            all of them, with a table
//	go run ./tests/bugs -list      what there is
//	go run ./tests/bugs -only X    those whose name matches the regular expression X
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
	"time"
)

func main() {
	only := flag.String("only", "", "regular expression that names must match")
	list := flag.Bool("list", false, "print the table without running anything")
	flag.Parse()
	if err := plantAll(*only, *list); err != nil {
		fmt.Fprintln(os.Stderr, "bugs:", err)
		os.Exit(1)
	}
}

func plantAll(only string, list bool) error {
	match, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	planted, missed := 0, 0
	for _, b := range bugs {
		if !match.MatchString(b.name) {
			continue
		}
		planted++
		if list {
			fmt.Printf("%-28s rule %-10s %s %s\n", b.name, b.rule, b.pkg, b.test)
			continue
		}
		began := time.Now()
		verdict, output := plant(ctx, root, b)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fmt.Printf("%-28s rule %-10s %6.1f s  %-8s %s\n", b.name, b.rule, time.Since(began).Seconds(), verdict, b.test)
		if verdict != found {
			missed++
			fmt.Println(output)
		}
	}
	if planted == 0 {
		return fmt.Errorf("no name matches %q", only)
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d planted defects were not found", missed, planted)
	}
	if !list {
		fmt.Printf("%d planted, %d found\n", planted, planted)
	}
	return nil
}
