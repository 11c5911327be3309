package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// movePlan is what the flags ask for.
type movePlan struct {
	only       choice
	rates      choice
	pipelines  numbers
	redisFsync string
	holt       system.HoltConfig

	keys, slots, valueBytes int
	rate                    float64
	span                    seconds
}

// moveRun is one move of all keys.
type moveRun struct {
	System     string  `json:"system"`
	Run        int     `json:"run"`
	Keys       int     `json:"keys"`
	Slots      int     `json:"slots"`
	ValueBytes int     `json:"value_bytes"`
	Foreground float64 `json:"foreground_rate"`

	// Seconds is how long it took until both sides were done, Owned until the target owned the last slot.
	Seconds float64 `json:"seconds"`
	Owned   float64 `json:"owned_seconds"`
	// ServerCPU is the CPU time of all servers meanwhile, that for the foreground included.
	ServerCPU float64 `json:"server_cpu_seconds"`

	Moving  foregroundPhases `json:"moving"`  // requests for keys that move
	Staying foregroundPhases `json:"staying"` // requests for others
}

// foregroundPhases are the figures before the move, meanwhile, and after it.
type foregroundPhases struct {
	Before foregroundFigures `json:"before"`
	During foregroundFigures `json:"during"`
	After  foregroundFigures `json:"after"`
}

// moveKeyBytes is the length of the keys that package load makes.
const moveKeyBytes = 16

func (r moveRun) megabytes() float64 { return float64(r.Keys*(moveKeyBytes+r.ValueBytes)) / 1e6 }

// move asks how long it takes to hand slots with 2 million keys from one shard to another, and what users notice, beside
// `redis-cli --cluster reshard` of as many slots and keys between two masters.
//
// The sketch, on two processors: Redis needs a MIGRATE for each 10 keys, for which both masters stand still, and the round
// trips of redis-cli: 150 to 200 us, so 50,000 to 70,000 keys/s, 30 to 40 s; with 100 keys at a time 1 us a key is saved on
// each side, and 10 s is about what 2 million DUMPs and RESTOREs take. Holt copies 100 bytes a key in chunks of 256 KiB: 0.5 us
// to copy a key, then three replicas of the target each check, write (64 KiB at a time) and apply it, 1.5 us a key: 5 us a key of
// two processors, so 5 s; three times 200 MB to the disk are less.
func move(f *flag.FlagSet) func(context.Context, *bench) error {
	p := &movePlan{rates: choice{"0", "64mb"}, pipelines: numbers{10, 100}, holt: system.HoltConfig{Nodes: 3, Shards: 2}}
	f.Var(&p.only, "only", "systems to measure, separated by commas: holt, redis; empty takes both")
	f.Var(&p.rates, "migration-rate", "limits of Holt, bytes a second: each is measured; 0 is none, 64mb the default of clusters")
	f.Var(&p.pipelines, "pipeline", "keys of one MIGRATE of Redis: each is measured; 10 is redis-cli's default")
	f.IntVar(&p.keys, "keys", 2_000_000, "how many keys move")
	f.IntVar(&p.slots, "slots", 4096, "how many slots they are in")
	f.IntVar(&p.valueBytes, "value-bytes", 64, "size of a value")
	f.Float64Var(&p.rate, "rate", 2000, "requests of the foreground a second, half of them for keys that move")
	p.span.flag(f, "seconds", 5, "how long the foreground is measured before the move and after it")
	f.StringVar(&p.holt.Fsync, "appendfsync", "always", "Holt's policy of fsync")
	f.StringVar(&p.redisFsync, "redis-appendfsync", "", "policy of fsync of Redis; empty: it writes no file, which is its fastest")
	return func(ctx context.Context, b *bench) error {
		if err := p.check(); err != nil {
			return err
		}
		return p.run(ctx, b)
	}
}

func (p *movePlan) check() error {
	switch {
	case p.keys < 1000:
		return fmt.Errorf("-keys=%d: use at least 1000", p.keys)
	case p.slots < 1 || p.slots >= slot.Count/2:
		return fmt.Errorf("-slots=%d: use 1 to %d, so that the source keeps some", p.slots, slot.Count/2-1)
	case p.valueBytes < 1 || p.valueBytes > 1<<20:
		return fmt.Errorf("-value-bytes=%d: use 1 to %d", p.valueBytes, 1<<20)
	case p.rate <= 0:
		return fmt.Errorf("-rate=%v: use more than 0", p.rate)
	case p.span <= 0 || p.span > 3600:
		return fmt.Errorf("-seconds=%v: use more than 0, up to 3600", p.span)
	}
	for _, word := range p.only {
		if word != "holt" && word != "redis" {
			return fmt.Errorf("-only=%s: use holt, redis", p.only)
		}
	}
	return nil
}

// mover is a way to move slots in a system.
type mover struct {
	system system.System
	// move returns after how long the target owned all slots, and after how long all was done.
	move func(ctx context.Context, running *system.Running, slots slot.Range) (owned, ended time.Duration, err error)
}

func (p *movePlan) wanted(kind string) bool { return len(p.only) == 0 || slices.Contains(p.only, kind) }

// movers lists what takes turns.
func (p *movePlan) movers(ctx context.Context, b *bench) (all []mover, err error) {
	for _, rate := range p.rates {
		if !p.wanted("holt") {
			break
		}
		name := "holt-unlimited"
		if rate != "0" {
			name = "holt-" + rate
		}
		s, err := b.holt(ctx, name, p.holt)
		if err != nil {
			return nil, err
		}
		all = append(all, mover{s, func(ctx context.Context, running *system.Running, slots slot.Range) (owned, ended time.Duration, err error) {
			if err := running.Configure(ctx, "migration-rate", rate); err != nil {
				return 0, 0, err
			}
			return running.Migrate(ctx, slots, 2)
		}})
	}
	if !p.wanted("redis") {
		return all, nil
	}
	program := b.redis()
	redisCLI, err := exec.LookPath("redis-cli")
	if program == "" || err != nil {
		return all, err
	}
	for _, pipeline := range p.pipelines {
		s := system.RedisCluster(fmt.Sprintf("redis-%d", pipeline), program, p.redisFsync, 2)
		all = append(all, mover{s, func(ctx context.Context, running *system.Running, slots slot.Range) (owned, ended time.Duration, err error) {
			begun := time.Now()
			err = running.Reshard(ctx, redisCLI, b.dir, slots.Len(), pipeline)
			took := time.Since(begun)
			return took, took, err
		}})
	}
	return all, nil
}

// run lets the movers take turns, the other way round every second time.
func (p *movePlan) run(ctx context.Context, b *bench) error {
	all, err := p.movers(ctx, b)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fmt.Errorf("-only=%s: there is nothing to measure", p.only)
	}
	r := &moveReport{plan: p, movers: all}
	r.head(b)
	for run := 1; run <= b.runs; run++ {
		order := slices.Clone(all)
		if run%2 == 0 {
			slices.Reverse(order)
		}
		for _, m := range order {
			err := b.with(ctx, m.system, func(running *system.Running) error {
				row, err := p.measure(ctx, running, m)
				if err != nil {
					return err
				}
				row.System, row.Run = m.system.Name, run
				r.rows = append(r.rows, row)
				return b.keep(row)
			})
			if err != nil {
				return err
			}
		}
	}
	r.table(b.w)
	return nil
}

const (
	// stayingKeys is how many keys stay, and how many of those that move the foreground asks for.
	stayingKeys = 100_000
	// moveMax bounds one move, keysMax the wait until all keys are seen behind it.
	moveMax = time.Hour
	keysMax = 10 * time.Second
)

// measure fills a system that has just started, and moves the keys under the eyes of the foreground.
func (p *movePlan) measure(ctx context.Context, running *system.Running, m mover) (moveRun, error) {
	ctx, cancel := context.WithTimeout(ctx, moveMax)
	defer cancel()
	slots := slot.Range{First: 0, Last: slot.ID(p.slots - 1)}
	others := slot.Range{First: slots.Last + 1, Last: slot.Count - 1}
	moving := load.Spec{Op: load.OpSet, Conns: 1, Pipeline: 1, ValueBytes: p.valueBytes, Keys: p.keys, Slots: []slot.Range{slots}}
	staying := moving
	staying.Keys, staying.Slots, staying.Prefix = stayingKeys, []slot.Range{others}, "stay"
	for _, s := range []load.Spec{moving, staying} {
		if err := fill(ctx, running, s); err != nil {
			return moveRun{}, err
		}
	}
	row := moveRun{Keys: p.keys, Slots: p.slots, ValueBytes: p.valueBytes, Foreground: p.rate}
	f := newForeground(running, load.Keys(moving.Prefix, min(p.keys, stayingKeys), slots), load.Keys(staying.Prefix, stayingKeys, others))
	if err := p.under(ctx, f, func() error { return row.move(ctx, running, m, slots) }); err != nil {
		return moveRun{}, err
	}
	row.Moving.Before, row.Staying.Before = f.figures(phaseBefore)
	row.Moving.During, row.Staying.During = f.figures(phaseDuring)
	row.Moving.After, row.Staying.After = f.figures(phaseAfter)
	return row, awaitKeys(ctx, running, int64(p.keys+stayingKeys))
}

// awaitKeys returns when the leaders have so many keys, all together: one may have changed a moment ago.
func awaitKeys(ctx context.Context, running *system.Running, want int64) error {
	ctx, cancel := context.WithTimeout(ctx, keysMax)
	defer cancel()
	for {
		keys, err := running.Keys(ctx)
		if err == nil && keys == want {
			return nil
		}
		if wait(ctx, 100*time.Millisecond) != nil {
			return errors.Join(err, fmt.Errorf("there are %d keys after the move, want %d", keys, want))
		}
	}
}

// under does something in the middle of the foreground.
func (p *movePlan) under(ctx context.Context, f *foreground, do func() error) error {
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.run(running, p.rate, p.valueBytes)
	}()
	err := wait(ctx, time.Second) // connections are made
	if err == nil {
		f.enter(phaseBefore)
		err = wait(ctx, p.span.Duration())
	}
	if err == nil {
		f.enter(phaseDuring)
		err = do()
	}
	if err == nil {
		f.enter(phaseAfter)
		err = wait(ctx, p.span.Duration())
	}
	f.enter(phaseWarmup)
	stop()
	<-ended
	if closed := f.close(); err == nil {
		err = closed
	}
	return err
}

// move lets the slots change hands.
func (r *moveRun) move(ctx context.Context, running *system.Running, m mover, slots slot.Range) error {
	before, err := running.CPUTime()
	if err != nil {
		return err
	}
	owned, ended, err := m.move(ctx, running, slots)
	if err != nil {
		return err
	}
	after, err := running.CPUTime()
	r.Seconds, r.Owned, r.ServerCPU = ended.Seconds(), owned.Seconds(), (after - before).Seconds()
	return err
}
