package respserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// heldSaver saves for as long as the test wants.
type heldSaver struct {
	begun   chan struct{}
	release chan struct{}
	err     error
}

func (s *heldSaver) Save(ctx context.Context) error {
	s.begun <- struct{}{}
	select {
	case <-s.release:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *heldSaver) SaveInBackground() error { return s.err }

func newHeldSaver() *heldSaver {
	return &heldSaver{begun: make(chan struct{}, 1), release: make(chan struct{})}
}

func TestSaveCommandsAnswerAsRedisDoes(t *testing.T) {
	saver := newHeldSaver()
	f := start(t, fixtureConfig{with: func(c *Config) { c.Saver = saver }})
	c := f.dial()
	close(saver.release)
	for _, x := range []struct {
		err  error
		want map[string]string
	}{
		{nil, map[string]string{"SAVE": "+OK", "BGSAVE": "+Background saving started", "BGSAVE SCHEDULE": "+Background saving started",
			"BGREWRITEAOF": "+Background append only file rewriting started", "BGSAVE NOW": "-ERR syntax error", "BGSAVE SCHEDULE x": "-ERR syntax error"}},
		{ErrSaveRunning, map[string]string{"SAVE": "-ERR Background save already in progress", "BGSAVE": "-ERR Background save already in progress",
			"BGREWRITEAOF": "-ERR Background append only file rewriting already in progress"}},
		{errors.New("no space left on device"), map[string]string{"SAVE": "-ERR no space left on device", "BGSAVE": "-ERR no space left on device"}},
	} {
		saver.err = x.err
		for command, want := range x.want {
			got := c.do(command)
			select {
			case <-saver.begun:
			default:
			}
			if strings.TrimSpace(got) != want {
				t.Errorf("%s where the saver says %v: %q, want %q", command, x.err, got, want)
			}
		}
	}
	c.do("MULTI")
	if got := c.do("SAVE"); !strings.HasPrefix(got, "-ERR") {
		t.Errorf("SAVE inside of MULTI: %q", got)
	}
}

// SAVE holds its own connection only, and a server that is closed does not wait for it.
func TestSaveHoldsNobodyElse(t *testing.T) {
	saver := newHeldSaver()
	f := start(t, fixtureConfig{with: func(c *Config) { c.Saver = saver }})
	saving := f.dial()
	saving.send("SAVE")
	<-saver.begun
	if got := f.dial().do("PING"); strings.TrimSpace(got) != "+PONG" {
		t.Errorf("PING beside SAVE: %q", got)
	}
	if err := f.server.Close(); err != nil {
		t.Error(err)
	}
}

func TestInfoTellsOfSnapshotsAndLog(t *testing.T) {
	var facts InfoFacts
	f := start(t, fixtureConfig{with: func(c *Config) { c.Info = func() InfoFacts { return facts } }})
	c := f.dial()
	has := func(fields ...string) {
		t.Helper()
		info := c.do("INFO persistence")
		for _, field := range fields {
			if !strings.Contains(info, field+"\r\n") {
				t.Errorf("INFO persistence lacks %s: %q", field, info)
			}
		}
	}
	started := fmt.Sprint("rdb_last_save_time:", f.server.started.Unix())
	has("rdb_changes_since_last_save:0", "rdb_bgsave_in_progress:0", started, "rdb_last_bgsave_status:ok", "rdb_last_bgsave_time_sec:-1",
		"rdb_current_bgsave_time_sec:-1", "rdb_saves:0", "aof_enabled:1", "aof_rewrite_in_progress:0", "aof_current_size:0")
	facts.Save = SaveFacts{
		Last: time.Unix(1_700_000_000, 0), Running: true, Began: time.Now().Add(-90 * time.Second), Failed: true, Took: 2500 * time.Millisecond,
		Saves: 3, Unsaved: 41, LogBytes: 4096, HeldMax: 1500 * time.Microsecond, Held: [4]uint64{9, 2, 1, 0},
	}
	has("rdb_changes_since_last_save:41", "rdb_bgsave_in_progress:1", "rdb_last_save_time:1700000000", "rdb_last_bgsave_status:err",
		"rdb_last_bgsave_time_sec:2", "rdb_current_bgsave_time_sec:90", "rdb_saves:3", "aof_rewrite_in_progress:1", "aof_current_size:4096",
		"snapshot_held_max_usec:1500", "snapshot_held:under_100us=9,under_1ms=2,under_5ms=1,longer=0")
	if got := strings.TrimSpace(c.do("LASTSAVE")); got != ":1700000000" {
		t.Errorf("LASTSAVE: %q", got)
	}
}
