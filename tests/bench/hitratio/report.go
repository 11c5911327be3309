package hitratio

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Report writes the results as a table. Differences are in points, Holt's less Redis'.
func (p *Plan) Report(w io.Writer, results []Result) {
	fmt.Fprintf(w, "Share of hits in %%, of the second half of %v at %d requests a second; %d popular keys of 16 bytes, values of %d; %d bytes for data; seed %d.\n",
		p.Duration, p.Rate, p.Universe, valueBytes, p.BudgetBytes, p.Seed)
	if p.Replicas > 1 {
		carried := "followers hear of no access stamps"
		if p.StampRound > 0 {
			carried = fmt.Sprintf("followers hear of all access stamps in %v", p.StampRound)
		}
		fmt.Fprintf(w, "%d replicas of Holt; %s. Another leads in the last quarter; the last columns compare it with a Holt whose leader stays.\n", p.Replicas, carried)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "policy\ttrace\t")
	if p.Redis != "" {
		fmt.Fprint(t, "redis\tkeys\tholt, same keys\tkeys\t+-\t")
	}
	fmt.Fprint(t, "holt, same memory\tkeys\t")
	if p.Redis != "" {
		fmt.Fprint(t, "+-\t")
	}
	if p.Replicas > 1 {
		fmt.Fprint(t, "last quarter, same leader\tnew leader\t+-\t")
	}
	fmt.Fprintln(t)
	for _, r := range results {
		fmt.Fprintf(t, "%v\t%s\t", r.Policy, r.Trace)
		if p.Redis != "" {
			fmt.Fprintf(t, "%.2f\t%d\t%.2f\t%d\t%+.2f\t", 100*r.Redis.Ratio, r.Redis.Held, 100*r.SameKeys.Ratio, r.SameKeys.Held, 100*(r.SameKeys.Ratio-r.Redis.Ratio))
		}
		fmt.Fprintf(t, "%.2f\t%d\t", 100*r.SameMemory.Ratio, r.SameMemory.Held)
		if p.Redis != "" {
			fmt.Fprintf(t, "%+.2f\t", 100*(r.SameMemory.Ratio-r.Redis.Ratio))
		}
		if p.Replicas > 1 {
			same, other := r.Undisturbed.Last, r.SameMemory.Last
			fmt.Fprintf(t, "%.2f\t%.2f\t%+.2f\t", 100*same, 100*other, 100*(other-same))
		}
		fmt.Fprintln(t)
	}
	t.Flush()
}
