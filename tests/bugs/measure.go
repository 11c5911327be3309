package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// Where the results live, from the top of the source tree.
const (
	measuredFile = "tests/bugs/measured.json"
	pageFile     = "tests/bugs/BUGS.md"
)

// measurements are the results of many runs, by the names of defects.
type measurements struct {
	Machine string
	Rows    map[string]measured
}

// measured is the result for one row: of the test that it named then.
type measured struct {
	Test    string
	Verdict verdict
	// Seconds is for how long the test, or the suite, ran; CPUSeconds what that and the building took of all processors.
	Seconds, CPUSeconds float64
}

// readMeasured reads the file; there need be none.
func readMeasured(root string) (*measurements, error) {
	m := &measurements{Rows: map[string]measured{}}
	data, err := os.ReadFile(filepath.Join(root, measuredFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, m)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", measuredFile, err)
	}
	return m, nil
}

func (m *measurements) note(b bug, r result) {
	m.Machine = fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
	m.Rows[b.name] = measured{Test: b.test, Verdict: r.verdict, Seconds: tenths(r.looked), CPUSeconds: tenths(r.cpu)}
}

func tenths(d time.Duration) float64 { return math.Round(d.Seconds()*10) / 10 }

// tells tells whether there is a result for a row as it stands now.
func (m *measurements) tells(b bug) bool { return m.Rows[b.name].Test == b.test }

// save writes the results of rows that still exist, and the page made of them.
func (m *measurements) save(root string) error {
	for name := range m.Rows {
		if !slices.ContainsFunc(slices.Concat(bugs, unfound), func(b bug) bool { return b.name == name }) {
			delete(m.Rows, name)
		}
	}
	data, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, measuredFile), append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, pageFile), []byte(page(m)), 0o644)
}

// summary is how many were found and how fast.
func summary(all []result) string {
	var looked []time.Duration
	cpu := time.Duration(0)
	for _, r := range all {
		cpu += r.cpu
		if r.verdict == found {
			looked = append(looked, r.looked)
		}
	}
	if len(looked) == 0 {
		return fmt.Sprintf("%d planted, none found", len(all))
	}
	slices.Sort(looked)
	return fmt.Sprintf("%d planted, %d found, median %.1f s, slowest %.1f s; %.0f CPU minutes in all",
		len(all), len(looked), looked[len(looked)/2].Seconds(), looked[len(looked)-1].Seconds(), cpu.Minutes())
}
