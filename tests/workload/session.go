package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Session is one run of a workload.
type Session struct {
	*Run

	workload Workload
	target   Target
	config   Config
	roamers  []roamer
	wrap     func(Client) Client // what the workload puts around clients; may be nil

	mu     sync.Mutex // protects the fields below
	marks  []model.Mark
	healed time.Duration // 0: not yet
}

// roamer is a client that finds its way to every leader, so it has to be served whenever the cluster is whole.
type roamer struct{ client, shard int }

// crew starts clients on a lane of a shard: most find their way by themselves, and one in four is pinned to a node. The
// modes are given out in turn.
func (s *Session) crew(shard int, lane *Lane, count int, modes ...Modes) {
	for i := range count {
		mode := modes[i%len(modes)]
		n := (shard + i/4) % len(s.target.RESP)
		if i%4 == 1 {
			s.Go(s.pinned(n, mode), lane, s.config.Pause)
			continue
		}
		s.roamers = append(s.roamers, roamer{s.Go(s.roam(i, mode), lane, s.config.Pause), shard})
	}
}

// linearizable are the modes that clients have where every read has to be that.
func (s *Session) linearizable() []Modes {
	var list []Modes
	for _, read := range s.config.Reads {
		list = append(list, Modes{Read: read})
	}
	return list
}

func (s *Session) pinned(node int, modes Modes) Client {
	if s.config.Kind == GRPC {
		return s.wrapped(PinnedStubs(s.target.GRPC[node], modes))
	}
	return s.wrapped(Pinned(s.target.RESP[node], modes))
}

// roam is a client that finds its way by itself; i chooses the library where there are several.
func (s *Session) roam(i int, modes Modes) Client {
	switch {
	case s.config.Kind == GRPC:
		return s.wrapped(Stubs(s.target.GRPC, modes))
	case i%4 == 2:
		return s.wrapped(Rueidis(s.target.RESP, modes))
	}
	return s.wrapped(GoRedis(s.target.RESP, modes))
}

func (s *Session) wrapped(c Client) Client {
	if s.wrap == nil {
		return c
	}
	return s.wrap(c)
}

// observer reads what one node's replicas hold.
func (s *Session) observer(node int) Client {
	if s.config.Kind == GRPC {
		return PinnedStubs(s.target.GRPC[node], Modes{Read: stale})
	}
	return Pinned(s.target.RESP[node], Modes{Read: stale})
}

// Fault marks the beginning of a fault; the returned function marks its end, which is that of the action and not of its
// consequences. Faults of one kind have one name.
func (s *Session) Fault(name string) (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := len(s.marks)
	s.marks = append(s.marks, model.Mark{Name: name, Begin: s.History.Now()})
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.marks[i].End == 0 {
			s.marks[i].End = s.History.Now()
		}
	}
}

// Heal says that nothing is broken any more: every fault is over.
func (s *Session) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.healed = s.History.Now()
	for i := range s.marks {
		if s.marks[i].End == 0 {
			s.marks[i].End = s.healed
		}
	}
}

// Marks lists the faults so far.
func (s *Session) Marks() []model.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]model.Mark(nil), s.marks...)
}

// pollEvery is how often a condition is looked at again.
const pollEvery = 20 * time.Millisecond

// until returns when the condition is nil, or with its last error at the end of the context.
func until(ctx context.Context, condition func() error) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-ticker.C:
		}
	}
}

// WaitAlive returns when every client that finds its way by itself has been answered after Heal, and in every shard a
// write was acknowledged.
func (s *Session) WaitAlive(ctx context.Context) error {
	s.mu.Lock()
	healed := s.healed
	s.mu.Unlock()
	return until(ctx, func() error {
		served, written := map[int]bool{}, map[int]bool{}
		for _, o := range s.History.Since(healed) {
			if o.Outcome == model.OK {
				served[o.Client] = true
				written[o.Client] = written[o.Client] || o.Kind.Writes()
			}
		}
		wrote := map[int]bool{}
		for _, r := range s.roamers {
			if !served[r.client] {
				return fmt.Errorf("client %d of shard %d has not been answered since the cluster is whole", r.client, r.shard)
			}
			wrote[r.shard] = wrote[r.shard] || written[r.client]
		}
		for _, r := range s.roamers {
			if !wrote[r.shard] {
				return fmt.Errorf("no write was acknowledged in shard %d since the cluster is whole", r.shard)
			}
		}
		return nil
	})
}

// WaitProgress returns when so many more operations of clients that find their way by themselves have been answered.
func (s *Session) WaitProgress(ctx context.Context, operations int) error {
	from := s.History.Now()
	return until(ctx, func() error {
		got := 0
		for _, o := range s.History.Since(from) {
			if o.Outcome == model.OK {
				got++
			}
		}
		if got < operations {
			return fmt.Errorf("%d of %d operations answered", got, operations)
		}
		return nil
	})
}
