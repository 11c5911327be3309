package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/holtcache/holt/gateway/router"
	clusterv1 "github.com/holtcache/holt/proto/holt/cluster/v1"
	nodev1 "github.com/holtcache/holt/proto/holt/node/v1"
)

const (
	// freshFor is for how long what was collected is shown to others, too.
	freshFor = 900 * time.Millisecond
	// reportMax is how long a node is waited for.
	reportMax = time.Second
	// asksMax is how many nodes are asked at a time.
	asksMax = 16
	// slowCommandsMax and hotKeysMax are how many of them a node is asked for, and how many are shown.
	slowCommandsMax, hotKeysMax = 32, 20
)

// snapshot is what all nodes have told at one moment. It is immutable.
type snapshot struct {
	at         time.Time
	view       *router.View
	reports    map[string]*nodev1.GetReportResponse
	errors     map[string]string
	migrations *clusterv1.ListMigrationsResponse
}

// latest is what the nodes tell, not older than freshFor.
func (a *api) latest(r *http.Request) *snapshot {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil || time.Since(a.seen.at) > freshFor {
		a.seen = a.collect(context.WithoutCancel(r.Context())) // others may wait for it
	}
	return a.seen
}

// forget has the next visitor see what has changed.
func (a *api) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = nil
}

func (a *api) collect(ctx context.Context) *snapshot {
	ctx, cancel := context.WithTimeout(ctx, reportMax)
	defer cancel()
	s := &snapshot{view: a.cfg.Cluster.View(), reports: map[string]*nodev1.GetReportResponse{}, errors: map[string]string{}}
	var mu sync.Mutex // protects the maps of s
	var asked sync.WaitGroup
	asking := make(chan struct{}, asksMax)
	for _, n := range s.view.Nodes {
		asked.Go(func() {
			asking <- struct{}{}
			defer func() { <-asking }()
			report, err := a.cfg.Cluster.Report(ctx, n.ID, &nodev1.GetReportRequest{SlowCommandsMax: slowCommandsMax, HotKeysMax: hotKeysMax})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				s.errors[n.ID] = err.Error()
			} else {
				s.reports[n.ID] = report
			}
		})
	}
	asked.Go(func() { s.migrations, _ = a.cfg.Cluster.Migrations(ctx) }) // what is not known is not shown
	asked.Wait()
	s.at = time.Now()
	return s
}

// slowLog is the answer to GET /api/v1/slowlog.
func (a *api) slowLog(r *http.Request, v guest) (any, error) {
	if err := mayNot(v, rightToSlowLog); err != nil {
		return nil, err
	}
	type slowCommand struct {
		Node   string   `json:"node"`
		ID     int64    `json:"id"`
		TimeMs int64    `json:"time_ms"`
		TookUs uint64   `json:"took_us"`
		Args   []string `json:"args"`
		Client string   `json:"client"`
		Name   string   `json:"name,omitempty"`
	}
	list := []slowCommand{}
	for node, report := range a.latest(r).reports {
		for _, c := range report.SlowCommands {
			args := make([]string, len(c.Args))
			for i, arg := range c.Args {
				args[i] = shown(arg)
			}
			list = append(list, slowCommand{node, c.Id, c.TimeMs, c.TookUs, args, c.Client, shown([]byte(c.ClientName))})
		}
	}
	slices.SortFunc(list, func(a, b slowCommand) int {
		return cmp.Or(cmp.Compare(b.TimeMs, a.TimeMs), cmp.Compare(a.Node, b.Node), cmp.Compare(b.ID, a.ID))
	})
	return map[string]any{"commands": list[:min(len(list), slowCommandsMax)]}, nil
}

// hotKeys is the answer to GET /api/v1/hotkeys.
func (a *api) hotKeys(r *http.Request, v guest) (any, error) {
	if err := mayNot(v, rightToSlowLog); err != nil {
		return nil, err
	}
	type hotKey struct {
		Key   string  `json:"key"`
		Key64 []byte  `json:"key64"`
		Node  string  `json:"node"`
		Rate  float64 `json:"rate"`
		Error float64 `json:"error"`
	}
	list := []hotKey{}
	for node, report := range a.latest(r).reports {
		for _, k := range report.HotKeys {
			list = append(list, hotKey{shown(k.Key), k.Key, node, k.Rate, k.RateError})
		}
	}
	slices.SortFunc(list, func(a, b hotKey) int { return cmp.Or(cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Key, b.Key)) })
	return map[string]any{"keys": list[:min(len(list), hotKeysMax)]}, nil
}

// shown is text that can be printed: bytes that cannot, and quotes around them, are escaped as in Go.
func shown(b []byte) string {
	if utf8.Valid(b) {
		printable := true
		for _, r := range string(b) {
			printable = printable && unicode.IsPrint(r)
		}
		if printable {
			return string(b)
		}
	}
	return strconv.QuoteToASCII(string(b))
}
