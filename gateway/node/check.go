package node

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/holtcache/holt/shard/host"
)

// Check reads everything in the data folder of a node that is stopped, changes nothing, and tells what it found. sound is
// whether nothing is damaged.
func Check(w io.Writer, dir string, shards []uint64, asJSON bool) (sound bool, err error) {
	r, err := host.Check(dir, shards)
	if err != nil {
		return false, err
	}
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = printFolder(w, r)
	}
	return len(r.Damage) == 0, err
}

func printFolder(out io.Writer, r *host.FolderReport) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "node\t%s, started %d times\ncluster\t%s\nlog store\t%s\n", r.NodeID, r.StartCount, orDash(r.ClusterID), r.LogStore)
	end := "clean"
	if !r.CleanEnd {
		end = "not clean: the process was killed, or the machine stopped"
	}
	fmt.Fprintf(w, "last end\t%s\n", end)
	if r.Guard != "" {
		fmt.Fprintf(w, "guard\ton: %s\n", r.Guard)
	}
	for _, line := range r.NextStart {
		fmt.Fprintf(w, "next start\t%s\n", line)
	}
	for _, g := range r.Groups {
		printGroup(w, g)
	}
	if len(r.Damage) == 0 {
		fmt.Fprintln(w, "\nsound")
	}
	for _, d := range r.Damage {
		fmt.Fprintf(w, "\nDAMAGED\t%s\n", d)
	}
	return w.Flush()
}

func printGroup(w io.Writer, g host.GroupReport) {
	fmt.Fprintf(w, "\n%s\t%s, term %d\n", g.Group, g.Phase, g.Term)
	fmt.Fprintf(w, "  voters\t%s\n", orDash(strings.Join(g.Voters, " ")))
	if len(g.Learners) > 0 {
		fmt.Fprintf(w, "  learners\t%s\n", strings.Join(g.Learners, " "))
	}
	if g.Guarded {
		fmt.Fprint(w, "  guard\ton\n")
	}
	fmt.Fprintf(w, "  log\tentries %d to %d, the last of term %d\n", g.First, g.Last, g.LastTerm)
	for _, s := range g.Snapshots {
		state := "good"
		if !s.Good {
			state = "DAMAGED"
		}
		fmt.Fprintf(w, "  snapshot\t%s, up to entry %d of term %d, %d bytes: %s\n", s.Name, s.Index, s.Term, s.Bytes, state)
	}
	if g.State != nil {
		fmt.Fprintf(w, "  snapshot's state\t%s\n", stateText(g.State))
	}
	if g.Whole != nil {
		fmt.Fprintf(w, "  with the whole log\t%s\n", stateText(g.Whole))
	}
}

func stateText(s *host.StateReport) string {
	text := fmt.Sprintf("applied %d, digest %s", s.Applied, s.Digest)
	if s.Epoch > 0 {
		return text + fmt.Sprintf(", epoch %d", s.Epoch)
	}
	return text + fmt.Sprintf(", %d keys (%d with an expiry), %d bytes, incarnation %d, sequence %d", s.Keys, s.Expires, s.Bytes, s.Incarnation, s.Sequence)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// PrintLog prints the entries from..to of the log of one shard, 0 being the meta group, in the data folder of a node that is
// stopped.
func PrintLog(w io.Writer, dir string, shard, from, to uint64) error {
	return host.ShowLog(w, dir, shard, from, to)
}
