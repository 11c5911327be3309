package main

import (
	"context"
	"errors"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
	"github.com/holtcache/holt/tests/bench/system"
)

// measurement is what came of one load on one system.
type measurement struct {
	System   string  `json:"system"`
	Run      int     `json:"run"`
	Op       load.Op `json:"op"`
	Pipeline int     `json:"pipeline"`

	Conns      int        `json:"conns"`
	ValueBytes int        `json:"value_bytes"`
	Keys       int        `json:"keys"`
	AskedRate  float64    `json:"asked_rate,omitempty"`
	Setup      [][]string `json:"setup,omitempty"`

	Seconds  float64 `json:"seconds"`
	Requests uint64  `json:"requests"`
	Rate     float64 `json:"requests_per_second"`
	Failed   uint64  `json:"failed"`
	Missing  uint64  `json:"missing"`
	Moved    uint64  `json:"moved"`
	Pending  int     `json:"pending"`
	Error    string  `json:"error,omitempty"`

	P50  micros `json:"p50_us"`
	P99  micros `json:"p99_us"`
	P999 micros `json:"p999_us"`
	Max  micros `json:"max_us"`

	// ServerCPU and ClientCPU are CPU time divided by requests.
	ServerCPU micros `json:"server_cpu_us_per_request"`
	ClientCPU micros `json:"client_cpu_us_per_request"`
}

// measureMax bounds what a measurement takes beside its load, and filling.
const measureMax = 10 * time.Minute

// measure puts a load on a system.
func measure(ctx context.Context, running *system.Running, s load.Spec) (measurement, error) {
	ctx, cancel := context.WithTimeout(ctx, s.Warmup+s.Window+measureMax)
	defer cancel()
	var cpu []time.Duration // of the servers, at both ends of the window
	var errs []error
	edge := s.Edge
	s.Edge = func() {
		used, err := running.CPUTime()
		cpu, errs = append(cpu, used), append(errs, err)
		if edge != nil {
			edge()
		}
	}
	r, err := running.Run(ctx, s)
	if err = errors.Join(append(errs, err)...); err != nil {
		return measurement{}, err
	}
	n := micros(max(r.Latency.Count(), 1))
	return measurement{
		Op: s.Op, Pipeline: s.Pipeline, Conns: s.Conns, ValueBytes: s.ValueBytes, Keys: s.Keys, AskedRate: s.Rate, Setup: s.Setup,
		Seconds: r.Elapsed.Seconds(), Requests: r.Latency.Count(), Rate: r.Rate(),
		Failed: r.Failed, Missing: r.Missing, Moved: r.Moved, Pending: r.Pending, Error: r.FirstError,
		P50: toMicros(r.Latency.Quantile(0.5)), P99: toMicros(r.Latency.Quantile(0.99)), P999: toMicros(r.Latency.Quantile(0.999)), Max: toMicros(r.Latency.Max()),
		ServerCPU: toMicros(cpu[len(cpu)-1]-cpu[0]) / n, ClientCPU: toMicros(r.ClientCPU) / n,
	}, nil
}
