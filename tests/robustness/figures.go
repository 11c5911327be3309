package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Figures are what many runs have shown together. They are written by a program, and the tables are made of them.
type Figures struct {
	Commits []string
	Machine string
	Begun   string
	Runs    map[string]int // by verdict
	// FiveNodes counts the runs with five nodes, FiveReplicas those of them with as many replicas of each shard.
	FiveNodes, FiveReplicas int
	Hours                   float64
	// Undecided counts checks without a verdict within their budget.
	Undecided int
	Faults    map[string]*FaultFigures
	Promises  []*PromiseFigures
	Failovers []*Failovers
	// Elastic are measurements of clusters that grow and shrink.
	Elastic []*Elastic `json:",omitempty"`
}

// FaultFigures are of one row of the matrix.
type FaultFigures struct {
	Injected, TookEffect int
	// Unserved and Whole are those of Happened, one for each that took effect.
	Unserved, Whole []Duration
}

// PromiseFigures are of one workload under one fsync policy and with one mode of reads.
type PromiseFigures struct {
	Workload, AppendFsync   string
	Reads                   string
	Runs                    int
	OK, NotApplied, Unknown int
	Keys, Checked           int
	Lost, Duplicated, Stale int
	Diverged, Other         int
	LostAsAllowed           int
	LossWindow              Duration
}

// Where the figures live, from the top of the source tree.
const (
	figuresData = "tests/figures.json"
	figuresPage = "tests/FIGURES.md"
)

func runFigures(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("figures", flag.ContinueOnError)
	from := flags.String("from", "", "files of results with commas between them; empty: only make the tables anew from "+figuresData)
	root := flags.String("root", ".", "top of the source tree")
	check := flags.Bool("check", false, "change nothing, and fail where the page is not what the data say")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var f Figures
	path := filepath.Join(*root, figuresData)
	if *from == "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &f); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	} else {
		records, err := readRecords(strings.Split(*from, ","))
		if err != nil {
			return err
		}
		if f, err = aggregate(records); err != nil {
			return err
		}
		data, err := json.MarshalIndent(f, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
			return err
		}
	}
	return writePage(filepath.Join(*root, figuresPage), f, *check)
}
