package host

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/shard"
	"github.com/holtcache/holt/shard/logstore"
)

// FolderReport is what a check of a data folder found.
type FolderReport struct {
	Dir        string `json:"dir"`
	NodeID     string `json:"node_id"`
	ClusterID  string `json:"cluster_id"`
	StartCount uint64 `json:"start_count"`
	LogStore   string `json:"log_store"`
	// CleanEnd tells that the last run ended as it should. Guard is why the amnesia guard is on, "" where it is off.
	CleanEnd bool   `json:"clean_end"`
	Guard    string `json:"guard,omitempty"`
	// NextStart says what the next start puts right by itself: a torn tail of the log that it cuts off, say.
	NextStart []string      `json:"next_start,omitempty"`
	Groups    []GroupReport `json:"groups"`
	// Damage says what is wrong, file and offset with it.
	Damage []string `json:"damage,omitempty"`
}

// GroupReport is one replica.
type GroupReport struct {
	Group string `json:"group"`
	// Phase is how far the replica has come, Formed whether its group has formed.
	Phase  string `json:"phase"`
	Formed bool   `json:"formed,omitempty"`
	Term   uint64 `json:"term"`
	// Guarded tells that it neither votes nor campaigns until its log has caught up with a leader's.
	Guarded   bool             `json:"guarded,omitempty"`
	First     uint64           `json:"log_first"`
	Last      uint64           `json:"log_last"`
	LastTerm  uint64           `json:"log_last_term"`
	Voters    []string         `json:"voters"`
	Learners  []string         `json:"learners,omitempty"`
	Snapshots []SnapshotReport `json:"snapshots"`
	// State is that of the newest good snapshot: all of it is committed. Whole is what becomes of it with the rest of the log:
	// entries of which a leader may know whether they are committed.
	State *StateReport `json:"state,omitempty"`
	Whole *StateReport `json:"whole,omitempty"`
}

// SnapshotReport is one snapshot.
type SnapshotReport struct {
	Name  string `json:"name"`
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	Bytes int64  `json:"bytes"`
	Good  bool   `json:"good"`
}

// Check reads everything in the data folder of a node that is stopped and changes nothing. only, if not empty, names the
// shards to look at, 0 being the meta group. The error is that nothing could be looked at; damage is in the report.
func Check(dir string, only []uint64) (*FolderReport, error) {
	i, err := Inspect(dir)
	if i == nil {
		return nil, err
	}
	defer i.Close()
	f := i.folder
	r := &FolderReport{
		Dir: dir, NodeID: f.NodeID(), ClusterID: f.ClusterID(), StartCount: f.StartCount(), LogStore: string(i.log),
		CleanEnd: i.run.Clean, Guard: i.run.Guard,
	}
	r.damaged("", err)
	if f.WAL != nil {
		if cut, was := f.WAL.TailCut(); was {
			r.NextStart = append(r.NextStart, "a write that was cut short is removed: "+cut.String())
		}
	}
	if exists(f.path(acceptFile)) {
		r.NextStart = append(r.NextStart, "the amnesia guard ends, as "+f.path(acceptFile)+" says")
	}
	ids, err := i.groups()
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		number := uint64(id)
		if id == shard.MetaGroup {
			number = 0
		}
		if len(only) > 0 && !slices.Contains(only, number) {
			continue
		}
		g := GroupReport{Group: GroupText(id)}
		if err := withoutPanic(i.folder.Dir, func() error { return i.check(id, r, &g) }); err != nil {
			r.damaged(g.Group, err)
		}
		r.Groups = append(r.Groups, g)
	}
	return r, nil
}

func (r *FolderReport) damaged(group string, err error) {
	if err == nil {
		return
	}
	text := err.Error()
	if group != "" {
		text = group + ": " + text
	}
	r.Damage = append(r.Damage, text)
}

// check looks at one group. What it returns is damage that ends the look; smaller one is in the report.
func (i *Inspection) check(id slot.ShardID, r *FolderReport, g *GroupReport) error {
	folder, name := folderOf(id)
	mark, err := i.folder.mark(name)
	if err != nil {
		return err
	}
	g.Phase = phaseText(mark)
	if g.Formed, err = i.folder.formed(name); err != nil {
		return err
	}
	g.Guarded = i.run.Guard != "" && !slices.Contains(i.run.Released, uint64(id))
	g.Term, err = i.folder.Stable.Group(uint64(id)).GetUint64([]byte("CurrentTerm"))
	if err != nil && err.Error() != "not found" {
		return err
	}
	dir := i.folder.path(folder)
	snapshots, unfinished, err := logstore.InspectSnapshots(dir)
	r.damaged(g.Group, err)
	for _, path := range unfinished {
		r.NextStart = append(r.NextStart, path+" is removed: the snapshot was never finished")
	}
	m := machineOf(id)
	base := i.restore(m, id, snapshots, r, g)
	log, err := i.openLog(id)
	if err != nil {
		return err
	}
	defer log.Close()
	g.First, g.Last, g.LastTerm = log.First, log.Last, log.LastTerm
	if log.Damaged != "" {
		r.damaged(g.Group, fmt.Errorf("its log is marked as damaged and is not opened again: %s; empty the folder and join as a new node", log.Damaged))
	}
	members, err := latestMembers(snapshots, log)
	if err != nil {
		return err
	}
	g.Voters, g.Learners = members.voters(), members.learners()
	if g.Term < g.LastTerm {
		r.damaged(g.Group, fmt.Errorf("stable.db says term %d, the log ends in term %d: one of them is of another folder", g.Term, g.LastTerm))
	}
	if err := log.Covers(base); err != nil {
		return err
	}
	if base < log.Boundary.Index {
		from := fmt.Sprintf("the snapshot up to entry %d and the log behind it", base)
		if base == 0 {
			from = "the log alone"
		}
		r.NextStart = append(r.NextStart, fmt.Sprintf("%s: %s is used, and gives the state of the newer snapshot, up to entry %d, that is damaged or missing", g.Group, from, log.Boundary.Index))
	}
	if log.First > base+1 {
		return fmt.Errorf("the log begins at entry %d, the newest good snapshot ends at %d", log.First, base)
	}
	if base > 0 {
		state := m.report()
		g.State = &state
	}
	if err := replay(m, log, base+1, log.Last); err != nil {
		return err
	}
	whole := m.report()
	g.Whole = &whole
	return m.check()
}

// restore loads the newest snapshot that is good, reports on all of them, and returns where that one ends.
func (i *Inspection) restore(m machine, id slot.ShardID, snapshots []logstore.SnapshotView, r *FolderReport, g *GroupReport) (base uint64) {
	for _, v := range snapshots {
		err := v.Verify()
		if err == nil {
			if err = withoutPanic("it cannot be restored", func() error { return restoreFrom(v, m, id, base == 0) }); err != nil {
				err = fmt.Errorf("snapshot %s: %w", v.Path, err)
			}
		}
		r.damaged(g.Group, err)
		if err == nil && base == 0 {
			base = v.Index
		}
		g.Snapshots = append(g.Snapshots, SnapshotReport{Name: filepath.Base(v.Path), Index: v.Index, Term: v.Term, Bytes: v.Size, Good: err == nil})
	}
	return base
}

// restoreFrom loads a snapshot into m, or where it is not wanted into a machine of its own, and checks what came of it.
func restoreFrom(v logstore.SnapshotView, m machine, id slot.ShardID, wanted bool) error {
	if !wanted {
		m = machineOf(id)
	}
	state, err := v.Open()
	if err != nil {
		return err
	}
	if err := m.restore(state); err != nil {
		return err
	}
	if at := m.report().Applied; at > v.Index {
		return fmt.Errorf("it holds entry %d and says that it ends at %d", at, v.Index)
	}
	return m.check()
}
