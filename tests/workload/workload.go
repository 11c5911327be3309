package workload

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holtcache/holt/tests/model"
)

// Workload is a kind of work with its own checker.
type Workload struct {
	Name string
	// About is one line for those who choose.
	About string
	// Alone tells that nothing else may work on the cluster meanwhile.
	Alone bool
	// Config is set at every node before the work begins, by CONFIG SET.
	Config [][2]string

	// begin starts the clients.
	begin func(*Session)
	// judge looks at the whole history, final reads included, and fills in what it counts beside violations.
	judge func(*Session, []model.Op, *Verdict) error
	// blind tells that no read of this workload needs to see a write.
	blind bool
	// evicts tells that keys go for lack of memory.
	evicts bool
	// unread tells that keys are not to be read at the end.
	unread bool
}

// All lists the workloads.
func All() []Workload { return slices.Clone(all) }

// ByName finds a workload.
func ByName(name string) (Workload, error) {
	var names []string
	for _, w := range all {
		if w.Name == name {
			return w, nil
		}
		names = append(names, w.Name)
	}
	return Workload{}, fmt.Errorf("workload %q: use one of %s", name, strings.Join(names, ", "))
}

// Config says how to run a workload. Values that are zero take the defaults named.
type Config struct {
	Kind ClientKind // RESP
	Seed uint64
	// Reads are the modes of linearizable reads, which the clients are given in turn. LEASE and INDEX.
	Reads []string
	// Clients is how many work on each shard; some workloads add observers. 4.
	Clients int
	// Pause is the least time between two operations of one client. What finds faults is how operations interleave, not
	// how many there are. 8 ms.
	Pause time.Duration
	// SearchMax bounds the search for the order of one key. 10 s, some hundred times what a search of such a key takes;
	// no verdict in that time is a violation.
	SearchMax time.Duration
	// OKMin is how many operations have to succeed before, during and after the faults, each, for the run to prove
	// something. 50.
	OKMin int
}

func (c Config) withDefaults() Config {
	if c.Kind == 0 {
		c.Kind = RESP
	}
	if len(c.Reads) == 0 {
		c.Reads = []string{"LEASE", "INDEX"}
	}
	if c.Clients == 0 {
		c.Clients = 4
	}
	if c.Pause == 0 {
		c.Pause = 8 * time.Millisecond
	}
	if c.SearchMax == 0 {
		c.SearchMax = 10 * time.Second
	}
	if c.OKMin == 0 {
		c.OKMin = 50
	}
	return c
}

// Start sets the clients of a workload to work. The run has two phases: Fault marks each fault, Heal says that everything
// is whole again, WaitAlive demands that everybody is served, and Finish stops the work and judges it.
func (w Workload) Start(t Target, c Config) (*Session, error) {
	if len(t.RESP) == 0 || len(t.RESP) != len(t.GRPC) || len(t.Keys) == 0 {
		return nil, errors.New("a target needs the addresses of its nodes and the keys of its shards")
	}
	c = c.withDefaults()
	s := &Session{Run: NewRun(c.Seed), workload: w, target: t, config: c}
	for _, addr := range t.RESP {
		if err := configure(addr, w.Config); err != nil {
			return nil, err
		}
	}
	w.begin(s)
	return s, nil
}

func configure(addr string, settings [][2]string) error {
	if len(settings) == 0 {
		return nil
	}
	conn, err := Dial(addr, RequestTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, setting := range settings {
		if _, err := conn.Do(RequestTimeout, "CONFIG", "SET", setting[0], setting[1]); err != nil {
			return fmt.Errorf("CONFIG SET %s %s at %s: %w", setting[0], setting[1], addr, err)
		}
	}
	return nil
}
