package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Run is what is known of a run after its end. Times count from the start of the history.
type Run struct {
	Name string
	// Verdict is a word, and Reasons say why it is that.
	Verdict string
	Reasons []string
	// Failed tells whether the product is to blame.
	Failed bool
	Began  time.Time
	// Commands replay the run: the first exactly, others as long as the tests are the same.
	Commands []string
	// Options are written as JSON.
	Options any
	Ops     []model.Op
	Bands   []Band
	Marks   []Mark
}

// Band is something that lasted for a while: a fault, a phase.
type Band struct {
	Name     string
	From, To time.Duration
	// Note says more, what the fault hit or why it had no effect.
	Note string
}

// Mark is something that happened at one moment: a change of leaders.
type Mark struct {
	At   time.Duration
	Text string
}

// The files of a folder.
const (
	historyFile  = "history.jsonl"
	optionsFile  = "options.json"
	commandFile  = "command.txt"
	verdictFile  = "verdict.txt"
	timelineFile = "timeline.html"
)

// Write writes everything but logs and data of nodes into a folder, which it makes.
func Write(dir string, r Run) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	options, err := json.MarshalIndent(r.Options, "", "  ")
	if err != nil {
		return err
	}
	verdict := r.Verdict + "\n" + strings.Join(r.Reasons, "\n") + "\n"
	return errors.Join(
		writeHistory(filepath.Join(dir, historyFile), r.Ops),
		os.WriteFile(filepath.Join(dir, optionsFile), append(options, '\n'), 0o600),
		os.WriteFile(filepath.Join(dir, commandFile), []byte(strings.Join(r.Commands, "\n")+"\n"), 0o600),
		os.WriteFile(filepath.Join(dir, verdictFile), []byte(verdict), 0o600),
		create(filepath.Join(dir, timelineFile), func(w io.Writer) error { return Timeline(w, r) }),
	)
}

// OptionsFile is where the options of a run are.
func OptionsFile(dir string) string { return filepath.Join(dir, optionsFile) }

func writeHistory(path string, ops []model.Op) error {
	return create(path, func(w io.Writer) error {
		lines := json.NewEncoder(w)
		for _, o := range ops {
			if err := lines.Encode(o); err != nil {
				return err
			}
		}
		return nil
	})
}

// History reads the history of a run again.
func History(dir string) ([]model.Op, error) {
	file, err := os.Open(filepath.Join(dir, historyFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var ops []model.Op
	for lines := json.NewDecoder(bufio.NewReader(file)); ; {
		var o model.Op
		if err := lines.Decode(&o); errors.Is(err, io.EOF) {
			return ops, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s, operation %d: %w", file.Name(), len(ops)+1, err)
		}
		ops = append(ops, o)
	}
}

func create(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	buffer := bufio.NewWriter(file)
	return errors.Join(write(buffer), buffer.Flush(), file.Close())
}
