package placement

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/meta"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", checksDefault); err != nil { // what the command line says counts more
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// catchUpTime is how long a learner takes until it has caught up.
const catchUpTime = 700 * time.Millisecond

// world is a cluster in memory: the real machine of the meta group, its membership, and the leaders of the shards. Its
// actions check the rules that no controller may break. An action of a node that does not lead the meta group any more
// takes effect all the same, as one that was on its way may do; only what it expects can stop it.
type world struct {
	t *testing.T

	mu       sync.Mutex // protects the fields below; not held while an action is paused
	machine  *meta.Machine
	index    uint64
	leader   string
	changed  chan struct{}
	members  Members
	added    map[string]time.Time
	leaders  map[slot.ShardID]string
	terms    map[slot.ShardID]uint64
	dead     map[string]bool
	behind   map[string]bool
	groups   map[slot.ShardID]*Members
	failing  map[string]error
	pauses   map[string]chan struct{}
	actions  []string
	times    []time.Time
	inFlight map[string]int // transfers, by whose controller asks for them
	// after runs when an action has taken effect.
	after func(action string)
	// joined is when a learner was added to a shard, by "shard/node".
	joined map[string]time.Time
	// loads is what the slots of shards hold.
	loads map[slot.ShardID]SlotUsage
	// asked runs when the controller asks whether a learner has caught up.
	asked func()
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, machine: meta.New(), changed: make(chan struct{}), leader: "a", members: Members{Voters: []string{"a"}, Index: 1},
		added: map[string]time.Time{}, leaders: map[slot.ShardID]string{}, terms: map[slot.ShardID]uint64{},
		dead: map[string]bool{}, behind: map[string]bool{}, failing: map[string]error{}, pauses: map[string]chan struct{}{},
		groups: map[slot.ShardID]*Members{}, joined: map[string]time.Time{}, inFlight: map[string]int{},
	}
}

// change runs f and announces a change.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *world) apply(command *storagev1.MetaCommand) (result meta.Result) {
	w.change(func() {
		w.index++
		result = w.machine.Apply(w.index, meta.Encode(command))
	})
	return result
}

func nodeCommand(id string) *storagev1.RegisterNode {
	return &storagev1.RegisterNode{Id: id, StartCount: 1, Addresses: meta.Addresses{Cluster: id + ":6381"}.Proto()}
}

func (w *world) init(expect int) {
	settings := meta.DefaultSettings()
	settings.ExpectNodes = expect
	w.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_InitCluster{InitCluster: &storagev1.InitCluster{
		ClusterId: "c", FirstNode: nodeCommand("a"), Settings: settings.Proto(),
	}}})
}

func (w *world) register(ids ...string) {
	for _, id := range ids {
		w.apply(&storagev1.MetaCommand{Command: &storagev1.MetaCommand_RegisterNode{RegisterNode: nodeCommand(id)}})
	}
}

// act notes an action of a seat, waits while it is paused there, then runs it unless it is to fail.
func (w *world) act(seat, action string, f func() error) error {
	w.mu.Lock()
	w.actions = append(w.actions, action)
	w.times = append(w.times, time.Now())
	pause := w.pauses[seat+": "+action]
	err := w.failing[action]
	w.mu.Unlock()
	if pause != nil {
		<-pause
	}
	if err != nil {
		return err
	}
	w.change(func() {
		if err = f(); err == nil && w.after != nil {
			w.after(action)
		}
	})
	return err
}

func (w *world) done() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.actions)
}

// counted is how many actions begin with prefix.
func (w *world) counted(prefix string) int {
	return len(slices.DeleteFunc(w.done(), func(a string) bool { return !strings.HasPrefix(a, prefix) }))
}

// seat is the world as the controller of one node reaches it.
type seat struct {
	*world
	id string
}

var (
	_ Meta        = seat{}
	_ MetaMembers = seat{}
	_ Leaders     = leaderSeat{}
	_ Groups      = leaderSeat{}
	_ Liveness    = seat{}
)

func (s seat) State() *meta.State { return s.machine.State() }

func (s seat) Leading() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.leader == s.id
}

func (s seat) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s seat) Propose(_ context.Context, command *storagev1.MetaCommand) (result meta.Result, err error) {
	name := strings.TrimPrefix(fmt.Sprintf("%T", command.Command), "*storagev1.MetaCommand_")
	err = s.act(s.id, name, func() error {
		s.index++
		result = s.machine.Apply(s.index, meta.Encode(command))
		return nil
	})
	return result, err
}

func (s seat) Members() (Members, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Members{Voters: slices.Clone(s.members.Voters), Learners: slices.Clone(s.members.Learners), Index: s.members.Index}, s.failing["Members"]
}

var errStale = errors.New("the configuration has changed")

func (s seat) AddLearner(_ context.Context, node string, index uint64) error {
	return s.act(s.id, "add "+node, func() error {
		if index != s.members.Index {
			return errStale
		}
		if slices.Contains(s.members.Voters, node) || slices.Contains(s.members.Learners, node) {
			s.t.Errorf("%s is a member already", node)
		}
		s.members.Index++
		s.members.Learners = append(s.members.Learners, node)
		s.added[node] = time.Now()
		return nil
	})
}

func (s seat) Promote(_ context.Context, node string, index uint64) error {
	return s.act(s.id, "promote "+node, func() error {
		if index != s.members.Index {
			return errStale
		}
		at := slices.Index(s.members.Learners, node)
		if at < 0 || time.Since(s.added[node]) < catchUpTime {
			s.t.Errorf("%s is promoted before it has caught up", node)
			return nil
		}
		if len(s.members.Voters) == 1 && len(s.members.Learners) < 2 {
			s.t.Errorf("%s is promoted while no second learner is there", node)
		}
		s.members.Index++
		s.members.Learners = slices.Delete(s.members.Learners, at, at+1)
		s.members.Voters = append(s.members.Voters, node)
		return nil
	})
}

func (s seat) Remove(_ context.Context, node string, index uint64) error {
	return s.act(s.id, "remove "+node, func() error {
		if index != s.members.Index {
			return errStale
		}
		if node == s.leader {
			s.t.Errorf("the leader %s takes out itself", node)
		}
		s.members.Index++
		other := func(id string) bool { return id == node }
		s.members.Voters = slices.DeleteFunc(slices.Clone(s.members.Voters), other)
		s.members.Learners = slices.DeleteFunc(slices.Clone(s.members.Learners), other)
		return nil
	})
}

func (s seat) HandOver(_ context.Context, to string) error {
	return s.act(s.id, "hand over to "+to, func() error {
		if !slices.Contains(s.members.Voters, to) {
			s.t.Errorf("%s is to lead the meta group and has no vote", to)
		}
		s.leader = to
		return nil
	})
}

func (s seat) CaughtUp(node string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked != nil {
		s.asked()
	}
	return time.Since(s.added[node]) >= catchUpTime, s.failing["CaughtUp "+node]
}

func (s seat) Alive(node string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.dead[node]
}

// leaderSeat is the part of a seat whose CaughtUp asks a shard.
type leaderSeat struct{ seat }

func (s leaderSeat) Leader(shard slot.ShardID) (string, uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	leader, ok := s.leaders[shard]
	return leader, s.terms[shard], ok
}

func (s leaderSeat) Transfer(ctx context.Context, shard slot.ShardID, term uint64, to string) error {
	s.change(func() { s.inFlight[s.id]++ })
	defer s.change(func() { s.inFlight[s.id]-- })
	return s.act(s.id, fmt.Sprintf("transfer %d to %s", shard, to), func() error {
		if _, bounded := ctx.Deadline(); !bounded {
			s.t.Error("a transfer without deadline")
		}
		if s.inFlight[s.id] > 1 {
			s.t.Errorf("%d transfers at the same time", s.inFlight[s.id])
		}
		if s.terms[shard] != term {
			return errors.New("another term")
		}
		s.terms[shard]++
		s.leaders[shard] = to
		return nil
	})
}

func (s leaderSeat) CaughtUp(_ context.Context, shard slot.ShardID, node string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.behind[node], s.failing[fmt.Sprintf("ask %d", shard)]
}

// group is the membership of a shard, which begins with the initial replicas. w.mu is held.
func (w *world) group(shard slot.ShardID) *Members {
	if w.groups[shard] == nil {
		s, _ := w.machine.State().Shard(shard)
		w.groups[shard] = &Members{Voters: slices.Clone(s.InitialReplicas), Index: 1}
	}
	return w.groups[shard]
}

func (s leaderSeat) Group(_ context.Context, shard slot.ShardID) (Group, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.failing[fmt.Sprintf("group %d", shard)]; err != nil {
		return Group{}, err
	}
	m := s.group(shard)
	g := Group{Leader: s.leaders[shard], Term: s.terms[shard], Serving: true, Members: Members{slices.Clone(m.Voters), slices.Clone(m.Learners), m.Index}}
	for _, id := range slices.Concat(m.Voters, m.Learners) {
		if !s.dead[id] && (slices.Contains(m.Voters, id) || time.Since(s.joined[fmt.Sprintf("%d/%s", shard, id)]) >= catchUpTime) {
			g.CaughtUp = append(g.CaughtUp, id)
		}
	}
	return g, nil
}

// Change makes a change of a shard's members as a leader would, and checks what no controller may ask for.
func (s leaderSeat) Change(_ context.Context, shard slot.ShardID, leader string, term uint64, c MemberChange) error {
	return s.act(s.id, fmt.Sprintf("%s %s %d", c.Kind, c.Node, shard), func() error {
		m := s.group(shard)
		key := fmt.Sprintf("%d/%s", shard, c.Node)
		switch {
		case s.terms[shard] != term || s.leaders[shard] != leader:
			return errors.New("another term")
		case c.Index != m.Index:
			return errStale
		case slices.Contains([]ChangeKind{Remove, RemoveSilent}, c.Kind) && c.Node == leader:
			s.t.Errorf("shard %d: the leader %s is to take out itself", shard, leader)
		case c.Kind == RemoveSilent && !s.dead[c.Node]:
			return errors.New("it answers")
		case c.Kind == Promote && time.Since(s.joined[key]) < catchUpTime:
			s.t.Errorf("shard %d: %s is promoted before it has caught up", shard, c.Node)
		case c.Kind == AddLearner && !s.named(shard, c.Node):
			s.t.Errorf("shard %d: %s is added before the state names it", shard, c.Node)
		}
		m.Index++
		other := func(id string) bool { return id == c.Node }
		m.Learners = slices.DeleteFunc(slices.Clone(m.Learners), other)
		switch c.Kind {
		case AddLearner:
			m.Learners = append(m.Learners, c.Node)
			s.joined[key] = time.Now()
		case Promote:
			m.Voters = slices.Sorted(slices.Values(append(slices.Clone(m.Voters), c.Node)))
		default:
			m.Voters = slices.DeleteFunc(slices.Clone(m.Voters), other)
		}
		alive := 0
		for _, id := range m.Voters {
			if !s.dead[id] {
				alive++
			}
		}
		if alive < len(m.Voters)/2+1 {
			s.t.Errorf("shard %d: of the voters %v only %d are alive", shard, m.Voters, alive)
		}
		return nil
	})
}

func (w *world) named(shard slot.ShardID, node string) bool {
	s, _ := w.machine.State().Shard(shard)
	return slices.Contains(s.Replicas, node)
}

// logLines collects messages of a logger, with its errors.
type logLines struct {
	slog.Handler
	mu    sync.Mutex // protects the field below
	lines []string
}

func (l *logLines) Enabled(context.Context, slog.Level) bool { return true }

func (l *logLines) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "error" {
			line += ": " + a.Value.String()
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
	return nil
}

func (l *logLines) having(part string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.lines), func(line string) bool { return !strings.Contains(line, part) })
}

// run starts the controller of a node; it ends with the test's context.
func (w *world) run(ctx context.Context, group *sync.WaitGroup, id string) (*Controller, *logLines) {
	log := &logLines{}
	s := seat{w, id}
	c := NewController(Config{Meta: s, Members: s, Leaders: leaderSeat{s}, Groups: leaderSeat{s}, Loads: leaderSeat{s}, Liveness: s, Self: id, Log: slog.New(log)})
	group.Go(func() {
		if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
			w.t.Errorf("Run of %s ends with %v", id, err)
		}
	})
	return c, log
}

// lead gives every shard a leader.
func (w *world) lead(by func(meta.Shard) string) {
	w.change(func() {
		for _, s := range w.machine.State().Shards() {
			w.leaders[s.ID] = by(s)
			w.terms[s.ID]++
		}
	})
}
