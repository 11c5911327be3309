package main

import (
	"fmt"
	"slices"
	"time"
)

// micros is a number of microseconds.
type micros float64

func toMicros(d time.Duration) micros { return micros(d.Nanoseconds()) / 1000 }

// column takes one figure of each row.
func column[R any](rows []R, of func(R) float64) []float64 {
	values := make([]float64, 0, len(rows))
	for _, r := range rows {
		values = append(values, of(r))
	}
	return values
}

// median is the middle value, or the mean of the two in the middle; 0 of none.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratios divides what was measured in the same run.
func ratios(values, by []float64) []float64 {
	var found []float64
	for i := range min(len(values), len(by)) {
		found = append(found, values[i]/by[i])
	}
	return found
}

// spread is "median (lowest-highest)".
func spread(format string, values []float64) string {
	if len(values) == 0 {
		return "-"
	}
	low, high := fmt.Sprintf(format, slices.Min(values)), fmt.Sprintf(format, slices.Max(values))
	return fmt.Sprintf("%s (%s-%s)", fmt.Sprintf(format, median(values)), low, high)
}
