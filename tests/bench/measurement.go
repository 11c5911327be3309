package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/holtcache/holt/tests/bench/load"
)

// measurement is one line of the raw output.
type measurement struct {
	Time     time.Time `json:"time"`
	System   string    `json:"system"`
	Run      int       `json:"run"`
	Op       load.Op   `json:"op"`
	Pipeline int       `json:"pipeline"`

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

	LoadAverage string  `json:"load_average"`
	Machine     machine `json:"machine"`
}

// micros is a number of microseconds.
type micros float64

func toMicros(d time.Duration) micros { return micros(d.Nanoseconds()) / 1000 }

func newMeasurement(s load.Spec, r load.Result, serverCPU, clientCPU time.Duration) measurement {
	n := max(r.Latency.Count(), 1)
	return measurement{
		Time: time.Now().UTC(), Op: s.Op, Pipeline: s.Pipeline, Conns: s.Conns, ValueBytes: s.ValueBytes, Keys: s.Keys, AskedRate: s.Rate, Setup: s.Setup,
		Seconds: r.Elapsed.Seconds(), Requests: r.Latency.Count(), Rate: r.Rate(),
		Failed: r.Failed, Missing: r.Missing, Moved: r.Moved, Pending: r.Pending, Error: r.FirstError,
		P50: toMicros(r.Latency.Quantile(0.5)), P99: toMicros(r.Latency.Quantile(0.99)), P999: toMicros(r.Latency.Quantile(0.999)), Max: toMicros(r.Latency.Max()),
		ServerCPU: toMicros(serverCPU) / micros(n), ClientCPU: toMicros(clientCPU) / micros(n), LoadAverage: loadAverage(),
	}
}

// raw is the file of raw lines; nil where none is asked for.
type raw struct{ file *os.File }

func openRaw(path string) (*raw, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("-out: %w", err)
	}
	return &raw{file}, nil
}

func (r *raw) write(m measurement) error {
	if r == nil {
		return nil
	}
	line, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = r.file.Write(append(line, '\n'))
	return err
}

func (r *raw) close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}
