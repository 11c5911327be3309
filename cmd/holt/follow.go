package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/holtcache/holt/gateway/client"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
)

const (
	// followEvery is how often progress is asked for.
	followEvery = time.Second
	// silenceMax is how long the node that is asked may be silent: it may be restarted meanwhile.
	silenceMax = 30 * time.Second
)

// following runs work until it is done or the command is interrupted.
func following(r *reach, work func(ctx context.Context, a *client.Admin) error) error {
	a, err := r.dial()
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return work(ctx, a)
}

// runs tells whether what is followed has not ended; the error says that it has, and not well.
type runs func(*clusterv1.ListMigrationsResponse) (bool, error)

func rebalanceRuns(list *clusterv1.ListMigrationsResponse) (bool, error) {
	return list.Rebalance != nil, nil
}

// lister is who is asked for progress.
type lister interface {
	Migrations(ctx context.Context) (*clusterv1.ListMigrationsResponse, error)
}

// follow shows how far slots have come until what it follows has ended. Where it is interrupted, that goes on.
func follow(ctx context.Context, a lister, out io.Writer, goesOn runs) error {
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	p := progress{began: time.Now()}
	heard := time.Now()
	for {
		list, err := askProgress(ctx, a)
		switch {
		case ctx.Err() != nil:
			fmt.Fprintln(out, "It goes on without this command: 'holt cluster migrations' shows how far it is, 'holt cluster cancel' stops it.")
			return nil
		case err != nil && time.Since(heard) > silenceMax:
			return fmt.Errorf("%w; what was begun goes on, ask another node: holt cluster migrations", err)
		case err == nil:
			heard = time.Now()
			running, err := goesOn(list)
			if !running {
				if err == nil {
					fmt.Fprintf(out, "done after %s\n", time.Since(p.began).Round(time.Second/10))
				}
				return err
			}
			if line := p.line(list, time.Now()); line != p.last {
				p.last = line
				fmt.Fprintln(out, line)
			}
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// askProgress asks once, bounded.
func askProgress(ctx context.Context, a lister) (*clusterv1.ListMigrationsResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Second, errors.New("no answer in time"))
	defer cancel()
	return a.Migrations(ctx)
}

// progress is what has been seen of a hand-over.
type progress struct {
	began time.Time
	// most is how many slots were to go at first; it rises with what is planned later.
	most uint32
	last string
}

// line tells how far it is. What is left takes as long as what was done, slot for slot; nothing is said before a tenth is done.
func (p *progress) line(list *clusterv1.ListMigrationsResponse, now time.Time) string {
	var running, left int
	var keys, bytes, waiting uint64
	var notes []string
	for _, m := range list.Migrations {
		if m.Ended {
			continue
		}
		running++
		_, n := slotsText(m.Slots)
		left += n
		if g := m.Progress; g != nil {
			keys, bytes, waiting = keys+g.KeysCopied, bytes+g.BytesArrived, waiting+g.BytesWaiting
			if g.Error != "" {
				notes = append(notes, fmt.Sprintf("migration %d: %s", m.Id, g.Error))
			}
		}
	}
	if r := list.Rebalance; r != nil {
		left = max(left, int(r.SlotsLeft))
		if r.Waiting != "" && running == 0 {
			notes = append(notes, r.Waiting)
		}
	}
	p.most = max(p.most, uint32(left))
	done := p.most - uint32(left)
	text := fmt.Sprintf("%d of %d slots moved, %d migrations run (%d keys, %s there, %s on their way)", done, p.most, running, keys, bytesText(bytes), bytesText(waiting))
	if took := now.Sub(p.began); left > 0 && done >= p.most/10 && done > 0 {
		text += fmt.Sprintf(", about %s left", (took * time.Duration(left) / time.Duration(done)).Round(time.Second))
	}
	if len(notes) > 0 {
		text += "; " + strings.Join(notes, "; ")
	}
	return text
}
