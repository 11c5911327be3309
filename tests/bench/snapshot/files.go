package main

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"time"
)

// saved is one snapshot or RDB file.
type saved struct {
	write, load time.Duration
	bytes       int64
}

// files writes and loads by turns: Holt, Redis, Holt, Redis.
func (p *plan) files(ctx context.Context, w io.Writer, dir string) error {
	redis, err := exec.LookPath("redis-server")
	if err != nil {
		fmt.Fprintln(w, "redis-server is not installed (Debian: apt-get install redis-server): only Holt is measured")
	}
	for _, d := range kinds {
		var ours, theirs []saved
		for run := range p.runs {
			one, err := p.saveHolt(filepath.Join(dir, fmt.Sprint("holt-", d.name, run)), d)
			if err != nil {
				return fmt.Errorf("holt: %w", err)
			}
			ours = append(ours, one)
			if redis == "" {
				continue
			}
			if one, err = p.saveRedis(ctx, redis, filepath.Join(dir, fmt.Sprint("redis-", d.name, run)), d); err != nil {
				return fmt.Errorf("redis: %w", err)
			}
			theirs = append(theirs, one)
		}
		p.line(w, "holt", d, ours)
		if len(theirs) > 0 {
			p.line(w, "redis", d, theirs)
		}
	}
	return nil
}

func (p *plan) line(w io.Writer, name string, d data, all []saved) {
	var writes, loads []time.Duration
	for _, s := range all {
		writes, loads = append(writes, s.write), append(loads, s.load)
	}
	fmt.Fprintf(w, "%-6s %-7s written in %v %v, loaded in %v %v, %.1f MB, %.1f bytes a key\n", name, d.name,
		median(writes).Round(time.Millisecond), rounded(writes), median(loads).Round(time.Millisecond), rounded(loads),
		float64(all[0].bytes)/1e6, float64(all[0].bytes)/float64(p.keys))
}

func rounded(all []time.Duration) (out []time.Duration) {
	for _, d := range all {
		out = append(out, d.Round(time.Millisecond))
	}
	return out
}
