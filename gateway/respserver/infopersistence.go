package respserver

import (
	"cmp"
	"fmt"
	"time"

	"github.com/holtcache/holt/gateway/resp"
)

// infoPersistence tells of snapshots in the fields that Redis has for its RDB files, and of the log in those for its AOF.
// A write to the log that fails ends the process, so the last one that anybody hears of was good.
func infoPersistence(c *conn, f *InfoFacts, t *infoText) {
	s := &f.Save
	seconds := func(d time.Duration, known bool) int64 {
		if !known {
			return -1
		}
		return int64(d / time.Second)
	}
	status := "ok"
	if s.Failed {
		status = "err"
	}
	t.flag("loading", f.Loading != nil)
	t.flag("async_loading", false) // nothing is served beside loading
	if l := f.Loading; l != nil {
		t.add("loading_start_time", l.Started.Unix())
		t.add("loading_total_bytes", l.TotalBytes)
		t.add("loading_loaded_bytes", l.LoadedBytes)
		t.add("loading_loaded_perc", fmt.Sprintf("%.2f", l.Percent))
		t.add("loading_eta_seconds", int64(l.Remaining/time.Second))
	}
	t.add("rdb_changes_since_last_save", s.Unsaved)
	t.flag("rdb_bgsave_in_progress", s.Running)
	t.add("rdb_last_save_time", c.lastSaved(f).Unix())
	t.add("rdb_last_bgsave_status", status)
	t.add("rdb_last_bgsave_time_sec", seconds(s.Took, s.Took > 0))
	t.add("rdb_current_bgsave_time_sec", seconds(time.Since(s.Began), s.Running))
	t.add("rdb_saves", s.Saves)
	t.add("aof_enabled", 1)
	t.flag("aof_rewrite_in_progress", s.Running) // a snapshot is what makes the log shorter
	t.add("aof_last_bgrewrite_status", status)
	t.add("aof_last_write_status", "ok")
	t.add("appendfsync", cmp.Or(f.AppendFsync, "always"))
	t.add("aof_current_size", s.LogBytes)
	t.add("snapshot_held_max_usec", s.HeldMax.Microseconds())
	t.add("snapshot_held", fmt.Sprintf("under_100us=%d,under_1ms=%d,under_5ms=%d,longer=%d", s.Held[0], s.Held[1], s.Held[2], s.Held[3]))
}

// lastSave is LASTSAVE.
func (c *conn) lastSave([][]byte) resp.Value {
	facts := c.server.facts()
	return resp.Int(c.lastSaved(&facts).Unix())
}

// lastSaved counts from the start where nothing was saved yet, as Redis does.
func (c *conn) lastSaved(f *InfoFacts) time.Time {
	if f.Save.Last.IsZero() {
		return c.server.started
	}
	return f.Save.Last
}
