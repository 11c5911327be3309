package shard

import (
	"fmt"

	"github.com/hashicorp/raft"
)

// bootstrap writes the first configuration of a group as its first log entry, unless the group has a log or a snapshot.
// Unlike raft.BootstrapCluster it can be repeated after a crash between its two writes. The entry is (index 1, term 1)
// on every member, and Raft takes entries of equal index and term for equal: members must be the same everywhere.
func bootstrap(s Storage, members []string) error {
	last, err := s.Log.LastIndex()
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	snapshots, err := s.Snapshots.List()
	if err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	if last > 0 || len(snapshots) > 0 {
		return nil
	}
	var configuration raft.Configuration
	for _, node := range members {
		configuration.Servers = append(configuration.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(node), Address: raft.ServerAddress(node),
		})
	}
	term, err := s.Stable.GetUint64([]byte("CurrentTerm"))
	if err != nil && err.Error() != "not found" { // raft tells a missing key by this text too
		return fmt.Errorf("bootstrap: %w", err)
	}
	if term < 1 {
		if err := s.Stable.SetUint64([]byte("CurrentTerm"), 1); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	first := &raft.Log{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(configuration)}
	if err := s.Log.StoreLog(first); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	return nil
}
