package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// Duration is one that people can read in a file.
type Duration time.Duration

func (d Duration) String() string { return time.Duration(d).Round(100 * time.Microsecond).String() }

// MarshalText is as of time.Duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads one.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = Duration(parsed)
	return err
}

// spread is how durations are distributed.
type spread struct {
	Count            int
	Median, P99, Max Duration
}

func spreadOf(list []Duration) spread {
	n := len(list)
	if n == 0 {
		return spread{}
	}
	sorted := slices.Sorted(slices.Values(list))
	return spread{Count: n, Median: sorted[(n-1)/2], P99: sorted[(n*99+99)/100-1], Max: sorted[n-1]}
}

// Record is one line of a file of results.
type Record struct {
	At        time.Time
	Commit    string
	Failovers *Failovers `json:",omitempty"`
	Elastic   *Elastic   `json:",omitempty"`
	Run       *RunResult `json:",omitempty"`
}

// appendRecord adds a line to a file of results, if there is one.
func appendRecord(path string, r Record) error {
	if path == "" {
		return nil
	}
	r.At, r.Commit = time.Now().UTC().Truncate(time.Second), commit()
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	return errors.Join(err, file.Close())
}

// failedError says that the product broke a promise.
type failedError string

func (e failedError) Error() string { return "FAILED: " + string(e) }

// invalidError says that nothing was shown.
type invalidError string

func (e invalidError) Error() string { return "INVALID: " + string(e) }

// exitCode tells a broken promise (1) from a run that shows nothing (3) and from anything else (2).
func exitCode(err error) int {
	var failed failedError
	var invalid invalidError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		return 1
	case errors.As(err, &invalid):
		return 3
	}
	return 2
}

// commit is that of the source tree.
func commit() string {
	hash, err := commandOutput("git", "describe", "--always", "--dirty")
	if err != nil {
		return fmt.Sprint("unknown: ", err)
	}
	return hash
}
