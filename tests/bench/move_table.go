package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// moveReport turns moves into tables.
type moveReport struct {
	plan   *movePlan
	movers []mover
	rows   []moveRun
}

// head says what is measured.
func (r *moveReport) head(b *bench) {
	p := r.plan
	fmt.Fprintf(b.w, "%d keys of %d bytes with values of %d bytes, in %d slots, from one shard to another; foreground: %.0f requests a second of go-redis, GET and SET, half of them for keys that move; runs: %d\n",
		p.keys, moveKeyBytes, p.valueBytes, p.slots, p.rate, b.runs)
	for _, m := range r.movers {
		fmt.Fprintf(b.w, "  %s: %s\n", m.system.Name, m.system.Promise)
	}
}

func (r *moveReport) of(name string) (rows []moveRun) {
	for _, row := range r.rows {
		if row.System == name {
			rows = append(rows, row)
		}
	}
	return rows
}

// table writes medians over the runs.
func (r *moveReport) table(w io.Writer) {
	r.speed(w)
	r.foreground(w)
	for _, row := range r.rows {
		row.trouble(w)
	}
}

// speed is how fast keys move.
func (r *moveReport) speed(w io.Writer) {
	fmt.Fprintf(w, "\nMedians over the runs, with the fastest and the slowest. s: until all is done, owned s: until the target owns the last slot. MB: keys and values. it/first: time of this divided by that of the first line, within each run. CPU s: of all servers, foreground included.\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "system\ts\towned s\tkeys/s\tMB/s\tit/first\tCPU s\t\n")
	seconds := func(r moveRun) float64 { return r.Seconds }
	for _, m := range r.movers {
		rows := r.of(m.system.Name)
		first := column(r.of(r.movers[0].system.Name), seconds)
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.0f\t%.1f\t%s\t%.1f\t\n", m.system.Name, spread("%.1f", column(rows, seconds)),
			median(column(rows, func(r moveRun) float64 { return r.Owned })),
			median(column(rows, func(r moveRun) float64 { return float64(r.Keys) / r.Seconds })),
			median(column(rows, func(r moveRun) float64 { return r.megabytes() / r.Seconds })),
			spread("%.1f", ratios(column(rows, seconds), first)),
			median(column(rows, func(r moveRun) float64 { return r.ServerCPU })))
	}
	t.Flush()
}

// foreground is what users notice.
func (r *moveReport) foreground(w io.Writer) {
	fmt.Fprintf(w, "\nForeground, in ms from when a request should have been sent: before the move, meanwhile, after it. The longest that one for a key that moves took meanwhile bounds the pause of its slot.\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "system\tkeys\trequests/s\tp50\tp99\tp99 meanwhile/before\tlongest meanwhile\t\n")
	for _, m := range r.movers {
		rows := r.of(m.system.Name)
		for _, side := range []struct {
			name string
			of   func(moveRun) foregroundPhases
		}{{"that move", func(r moveRun) foregroundPhases { return r.Moving }}, {"others", func(r moveRun) foregroundPhases { return r.Staying }}} {
			three := func(format string, figure func(foregroundFigures) float64) string {
				phase := func(of func(foregroundPhases) foregroundFigures) string {
					return fmt.Sprintf(format, median(column(rows, func(r moveRun) float64 { return figure(of(side.of(r))) })))
				}
				return phase(func(p foregroundPhases) foregroundFigures { return p.Before }) + " > " +
					phase(func(p foregroundPhases) foregroundFigures { return p.During }) + " > " +
					phase(func(p foregroundPhases) foregroundFigures { return p.After })
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%.1f\t%s\t\n", m.system.Name, side.name,
				three("%.0f", func(f foregroundFigures) float64 { return f.Rate }),
				three("%.2f", func(f foregroundFigures) float64 { return float64(f.P50) / 1000 }),
				three("%.2f", func(f foregroundFigures) float64 { return float64(f.P99) / 1000 }),
				median(column(rows, func(r moveRun) float64 { p := side.of(r); return float64(p.During.P99 / p.Before.P99) })),
				spread("%.0f", column(rows, func(r moveRun) float64 { return float64(side.of(r).During.Max) / 1000 })))
		}
	}
	t.Flush()
}

// trouble tells of requests that did not get what they should have.
func (r moveRun) trouble(w io.Writer) {
	for _, side := range []struct {
		name   string
		phases foregroundPhases
	}{{"that move", r.Moving}, {"others", r.Staying}} {
		p := side.phases
		for when, f := range map[string]foregroundFigures{"before": p.Before, "meanwhile": p.During, "after": p.After} {
			if f.Failed+f.Missing > 0 {
				fmt.Fprintf(w, "%s, run %d, keys %s, %s: %d requests failed (%s), %d keys were missing\n", r.System, r.Run, side.name, when, f.Failed, f.Error, f.Missing)
			}
		}
	}
}
