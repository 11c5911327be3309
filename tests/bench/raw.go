package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// rawLine is one line of the file that -out names.
type rawLine struct {
	Time        time.Time `json:"time"`
	Subject     string    `json:"subject"`
	LoadAverage string    `json:"load_average"`
	Machine     machine   `json:"machine"`
	Measurement any       `json:"measurement"`
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

func (r *raw) write(line rawLine) error {
	if r == nil {
		return nil
	}
	data, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = r.file.Write(append(data, '\n'))
	return err
}

func (r *raw) close() error {
	if r == nil {
		return nil
	}
	return r.file.Close()
}
