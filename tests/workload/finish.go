package workload

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Client ids beyond those of the clients at work.
const finalReader = 9000

// Finish stops the work, reads every key once more, compares the replicas, and judges the whole history. Until the end of
// the context it repeats what is not answered; what is not answered then is a violation.
func (s *Session) Finish(ctx context.Context) Verdict {
	v := Verdict{Workload: s.workload.Name, Client: s.config.Kind, Seed: s.config.Seed, Counts: map[model.Class]int{}}
	if err := s.Stop(); err != nil {
		v.add(model.Violations(err)...)
	}
	worked := s.History.Ops()
	v.count(worked)
	v.Why = s.vacuous(worked)
	v.Gaps = model.Gaps(worked, s.Marks(), s.roaming())
	keys := keysOf(worked)
	if !s.workload.unread {
		v.add(model.Violations(s.readAll(ctx, keys))...)
	}
	v.add(model.Violations(compareReplicas(ctx, s.target.RESP, keys))...)
	v.add(model.Violations(s.workload.judge(s, s.History.Ops(), &v))...)
	return v
}

func (v *Verdict) count(ops []model.Op) {
	for _, o := range ops {
		switch o.Outcome {
		case model.OK:
			v.OK++
		case model.NotApplied:
			v.NotApplied++
		case model.Unknown:
			v.Unknown++
		}
		if o.Outcome == model.OK && !o.Kind.Writes() && o.Found {
			v.ReadsOfWrites++
		}
	}
}

// vacuous says why a history proves nothing, "" if it does.
func (s *Session) vacuous(ops []model.Op) string {
	marks := s.Marks()
	begin, end := time.Duration(1<<62), time.Duration(0)
	for _, m := range marks {
		begin, end = min(begin, m.Begin), max(end, m.End)
	}
	s.mu.Lock()
	end = max(end, s.healed)
	s.mu.Unlock()
	var before, during, after, saw int
	for _, o := range ops {
		ok := o.Outcome == model.OK
		switch {
		case o.Return <= begin && ok:
			before++
		case o.Call >= end && ok:
			after++
		case o.Call < end && o.Return > begin:
			during++
		}
		if ok && !o.Kind.Writes() && o.Found {
			saw++
		}
	}
	least := s.config.OKMin
	switch {
	case before < least:
		return fmt.Sprintf("%d operations succeeded before the first fault, want %d", before, least)
	case len(marks) > 0 && during < least/5:
		return fmt.Sprintf("%d operations were tried during the faults, want %d", during, least/5)
	case len(marks) > 0 && after < least:
		return fmt.Sprintf("%d operations succeeded after the faults, want %d", after, least)
	case saw == 0 && !s.workload.blind:
		return "no read has seen a write"
	}
	return ""
}

func (s *Session) roaming() []int {
	var list []int
	for _, r := range s.roamers {
		list = append(list, r.client)
	}
	return list
}

func keysOf(ops []model.Op) []string {
	known := map[string]bool{}
	for _, o := range ops {
		known[o.Key] = true
		if o.Kind == model.SetTwins {
			known[twin(o.Key)] = true
		}
	}
	keys := make([]string, 0, len(known))
	for key := range known {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// finalReaders is how many clients read the keys at the end.
const finalReaders = 4

// readAll reads every key until it is answered. Leaders may still be on their way back to their preferred nodes.
func (s *Session) readAll(ctx context.Context, keys []string) error {
	errs := make([]error, finalReaders)
	var wg sync.WaitGroup
	for i := range finalReaders {
		wg.Go(func() {
			c := s.roam(0, Modes{Read: "INDEX"})
			defer c.Close()
			for j := i; j < len(keys) && errs[i] == nil; j += finalReaders {
				errs[i] = until(ctx, func() error {
					o := s.Attempt(c, model.Op{Client: finalReader + i, Kind: model.Get, Key: keys[j]})
					if o.Outcome != model.OK {
						return errors.New(o.String())
					}
					return nil
				})
			}
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			errs[i] = model.Refused("the final read was not answered: %v", err)
		}
	}
	return errors.Join(errs...)
}
