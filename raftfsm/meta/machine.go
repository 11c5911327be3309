package meta

import (
	"fmt"
	"sync/atomic"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
)

// Machine turns committed commands into the state of the cluster. Apply and Restore are called by one goroutine; State
// and Snapshot may be called by any.
type Machine struct {
	// state is replaced as a whole, never written in place.
	state atomic.Pointer[State]
}

// New is a machine that has applied nothing.
func New() *Machine {
	m := &Machine{}
	m.state.Store(newState(values{}))
	return m
}

// State is the state as of the last command applied. It never changes; the next command makes a new one.
func (m *Machine) State() *State { return m.state.Load() }

// Result is what became of one command. It is the same on every replica.
type Result struct {
	// Epoch of the state after the command.
	Epoch uint64
	// Changed tells whether the command changed anything; the epoch rose by one if it did.
	Changed bool
	// Shards are the ids that CreateShards gave out, in the order of its shards.
	Shards []slot.ShardID
	// Migrations are the ids that StartMigrations gave out, in the order of its migrations.
	Migrations []uint64
	// Displaced are the nodes that lost an address to the node that registered. Each is dead, or advertises an address
	// that is not its own: worth a warning.
	Displaced []string
	// Err is an *apierr.Error that says why the command was refused, nil where it was not. A refused command has
	// changed nothing.
	Err error
}

// Apply evaluates the command of the log entry at index. Indexes rise, with gaps where entries are not commands.
// It panics on what this build cannot know how to evaluate, and on an index that does not rise.
func (m *Machine) Apply(index uint64, data []byte) Result {
	old := m.State()
	if index <= old.applied {
		panic(fmt.Sprintf("meta: entry %d comes after entry %d was applied", index, old.applied))
	}
	command := decode(index, data)
	next := old.values
	var result Result
	if err := next.evaluate(command, &result); err != nil {
		// A refused command may have written half of next: only its index is kept.
		next, result = old.values, Result{Err: err}
	}
	next.applied = index
	if result.Changed {
		if command.Version > VersionUnsaid {
			next.commandVersion = max(next.commandVersion, command.Version)
		}
		next.epoch++
		m.state.Store(newState(next))
	} else {
		m.state.Store(&State{values: next, slotMap: old.slotMap})
	}
	result.Epoch = next.epoch
	return result
}

// evaluate changes v as the command says and notes in r what it did, or tells why not.
func (v *values) evaluate(command *storagev1.MetaCommand, r *Result) error {
	if c, ok := command.Command.(*storagev1.MetaCommand_InitCluster); ok {
		return v.initCluster(c.InitCluster, r)
	}
	if v.clusterID == "" {
		return apierr.New(apierr.KindNotFound, "there is no cluster yet; not applied, run holt cluster init first")
	}
	switch c := command.Command.(type) {
	case *storagev1.MetaCommand_RegisterNode:
		return v.registerNode(c.RegisterNode, r)
	case *storagev1.MetaCommand_RemoveNode:
		return v.removeNode(c.RemoveNode, r)
	case *storagev1.MetaCommand_SetMetaVoters:
		return v.setMetaVoters(c.SetMetaVoters, r)
	case *storagev1.MetaCommand_CreateShards:
		return v.createShards(c.CreateShards, r)
	case *storagev1.MetaCommand_ReportFormed:
		return v.reportFormed(c.ReportFormed, r)
	case *storagev1.MetaCommand_SetPreferredLeader:
		return v.setPreferredLeader(c.SetPreferredLeader, r)
	case *storagev1.MetaCommand_SetReplicas:
		return v.setReplicas(c.SetReplicas, r)
	case *storagev1.MetaCommand_ChangeSetting:
		return v.changeSetting(c.ChangeSetting, r)
	case *storagev1.MetaCommand_ChangeSettings:
		return v.changeSettings(c.ChangeSettings, r)
	case *storagev1.MetaCommand_StartMigrations:
		return v.startMigrations(c.StartMigrations, r)
	case *storagev1.MetaCommand_CommitMigration:
		return v.commitMigration(c.CommitMigration, r)
	case *storagev1.MetaCommand_AbortMigration:
		return v.abortMigration(c.AbortMigration, r)
	case *storagev1.MetaCommand_EndMigration:
		return v.endMigration(c.EndMigration, r)
	case *storagev1.MetaCommand_SetNodeDraining:
		return v.setNodeDraining(c.SetNodeDraining, r)
	case *storagev1.MetaCommand_DissolveShard:
		return v.dissolveShard(c.DissolveShard, r)
	case *storagev1.MetaCommand_SetRebalance:
		return v.setRebalance(c.SetRebalance, r)
	case *storagev1.MetaCommand_SetUser:
		return v.setUser(c.SetUser, r)
	case *storagev1.MetaCommand_DeleteUser:
		return v.deleteUser(c.DeleteUser, r)
	}
	panic(fmt.Sprintf("meta: command %T was decoded but has no rule", command.Command))
}
