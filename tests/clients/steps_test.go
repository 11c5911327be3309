package clients

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// target is the first line that a program reads.
type target struct {
	Host     string        `json:"host"`
	Port     int           `json:"port"`
	CA       string        `json:"ca"`
	User     string        `json:"user"`
	Password string        `json:"password"`
	Prefix   string        `json:"prefix"` // of the keys that the program uses
	Shards   []shardTarget `json:"shards"`
}

// shardTarget are the keys of a shard that a program writes to.
type shardTarget struct {
	Counter string `json:"counter"` // counts
	Fields  string `json:"fields"`  // a hash with a field for each number
}

// wrote is what a program says of a shard at the end. Its attempts have the numbers from 1 on.
type wrote struct {
	shardTarget
	Attempted    int    `json:"attempted"`
	Acknowledged []int  `json:"acknowledged"`
	Error        string `json:"error"` // the last one
}

func (t target) addr() string { return net.JoinHostPort(t.Host, strconv.Itoa(t.Port)) }

// tls trusts the cluster's authority, as the programs in other languages do.
func (t target) tls() (*tls.Config, error) {
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", t.CA)
	}
	return &tls.Config{RootCAs: pool}, nil
}

// steps is how a program in Go talks with the test, and what it has found wrong in its present step.
type steps struct {
	to     target
	orders <-chan string
	lines  chan<- string
	errs   []error
}

// library is what a program in Go makes of the steps.
type library interface {
	connect()
	strings()
	counters()
	expiry()
	hashes()
	pipeline()
	transaction()
	watch()
	permissions()
	scan()
	pubsub()
	// attempt sets a field and counts.
	attempt(counter, fields, field string) error
}

// cacher is a library with a cache of its own.
type cacher interface{ caching() }

// sharder is a library that listens to shard channels without being told how.
type sharder interface{ shardChannels() }

// theSteps are those of every library.
var theSteps = []string{
	"connect", "strings", "counters", "expiry", "hashes", "pipeline", "transaction", "watch", "permissions", "scan", "pubsub",
	"writing",
}

func (s *steps) run(ctx context.Context, l library) error {
	do := map[string]func(){
		"connect": l.connect, "strings": l.strings, "counters": l.counters, "expiry": l.expiry, "hashes": l.hashes, "pipeline": l.pipeline,
		"transaction": l.transaction, "watch": l.watch, "permissions": l.permissions, "scan": l.scan, "pubsub": l.pubsub,
		"writing": func() { s.write(ctx, l) },
	}
	names := theSteps
	if c, ok := l.(cacher); ok {
		names, do["caching"] = append([]string{"caching"}, names...), c.caching
	}
	if c, ok := l.(sharder); ok {
		names, do["shard channels"] = append([]string{"shard channels"}, names...), c.shardChannels
	}
	for _, name := range names {
		if err := s.step(name, do[name]); err != nil {
			return err
		}
	}
	return nil
}

func (s *steps) step(name string, do func()) error {
	do()
	if len(s.errs) > 0 {
		return fmt.Errorf("step %s: %w", name, errors.Join(s.errs...))
	}
	if name != "writing" {
		s.lines <- "ok " + name
	}
	return nil
}

func (s *steps) key(name string) string { return s.to.Prefix + name }

func (s *steps) wrong(format string, args ...any) {
	s.errs = append(s.errs, fmt.Errorf(format, args...))
}

// equal returns what checks a reply.
func equal[V any](s *steps, what string, want V) func(V, error) {
	return func(got V, err error) {
		if err != nil || !reflect.DeepEqual(got, want) {
			s.wrong("%s: got %v, %w; want %v", what, got, err, want)
		}
	}
}

// refused checks that something failed with an error of the cluster.
func (s *steps) refused(what, prefix string, err error) {
	if err == nil || !strings.HasPrefix(err.Error(), prefix) {
		s.wrong("%s: got error %v, want %s", what, err, prefix)
	}
}

// half a minute is how long a step waits for what takes moments.
const half = 30 * time.Second

// eventually looks at a condition until it holds.
func (s *steps) eventually(what string, condition func() bool) {
	for end := time.Now().Add(half); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.wrong("%s: not within half a minute", what)
			return
		}
	}
}

// write writes at every shard until the test has it stop. Whatever error an attempt ends with leaves open whether it was applied.
func (s *steps) write(ctx context.Context, l library) {
	s.lines <- "ok writing"
	shards := make([]wrote, len(s.to.Shards))
	for i, keys := range s.to.Shards {
		shards[i] = wrote{shardTarget: keys, Acknowledged: []int{}}
	}
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	var waiting map[string]bool // counters without a write since the mark; nil: no mark
	for {
		for i := range shards {
			w := &shards[i]
			w.Attempted++
			if err := l.attempt(w.Counter, w.Fields, strconv.Itoa(w.Attempted)); err != nil {
				w.Error = err.Error()
				continue
			}
			w.Acknowledged = append(w.Acknowledged, w.Attempted)
			delete(waiting, w.Counter)
		}
		if waiting != nil && len(waiting) == 0 {
			s.lines <- "marked"
			waiting = nil
		}
		select {
		case <-ctx.Done():
			s.wrong("nobody said stop: %w", ctx.Err())
			return
		case order := <-s.orders:
			if order != "mark" {
				s.report(shards)
				return
			}
			waiting = map[string]bool{}
			for _, w := range shards {
				waiting[w.Counter] = true
			}
		case <-pace.C:
		}
	}
}

func (s *steps) report(shards []wrote) {
	for _, w := range shards {
		line, err := json.Marshal(w)
		if err != nil {
			s.wrong("%w", err)
		}
		s.lines <- "wrote " + string(line)
	}
}
