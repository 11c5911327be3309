package meta

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// CommandVersion is the version of the rules by which this build evaluates commands. It rises whenever a command, a
// field or an enum value is added, or a rule or limit changes.
//
// Version 2 added eviction, save rules and what a node may hold, with ChangeSettings; and the hash seed.
// Version 3 added migrations with their settings, nodes that drain, the end of a shard, and rebalances.
// Version 4 added users, and the last migration before a rebalance.
const CommandVersion = 4

// VersionUnsaid is the version that a build knows which does not say what it knows. Commands of later ones are proposed only where
// every node says that it knows them.
const VersionUnsaid = 3

// Encode is the log entry of a command. It stamps the oldest version that knows all of it, so that nodes of an older
// build go on until somebody makes use of what is new.
func Encode(c *storagev1.MetaCommand) []byte {
	c.Version = versionOf(c)
	return marshal(c)
}

// versionOf is the oldest version whose rules know all of a command.
func versionOf(c *storagev1.MetaCommand) uint32 {
	switch c := c.Command.(type) {
	case *storagev1.MetaCommand_SetUser, *storagev1.MetaCommand_DeleteUser:
		return 4
	case *storagev1.MetaCommand_StartMigrations, *storagev1.MetaCommand_CommitMigration, *storagev1.MetaCommand_AbortMigration,
		*storagev1.MetaCommand_EndMigration, *storagev1.MetaCommand_SetNodeDraining, *storagev1.MetaCommand_DissolveShard:
		return 3
	case *storagev1.MetaCommand_SetRebalance:
		if c.SetRebalance.GetRebalance().GetLastMigrationId() != 0 {
			return 4
		}
		return 3
	case *storagev1.MetaCommand_ChangeSettings:
		version := uint32(2)
		for _, change := range c.ChangeSettings.Changes {
			version = max(version, versionOfChange(change))
		}
		return version
	case *storagev1.MetaCommand_ChangeSetting:
		return versionOfChange(c.ChangeSetting)
	case *storagev1.MetaCommand_InitCluster:
		version := versionOfSettings(c.InitCluster.Settings)
		if c.InitCluster.GetHashSeed() != 0 {
			version = max(version, 2)
		}
		return version
	}
	return 1
}

func versionOfChange(c *storagev1.ChangeSetting) uint32 {
	switch c.GetSetting().(type) {
	case *storagev1.ChangeSetting_MigrationRate, *storagev1.ChangeSetting_NodeDeadAfterMs:
		return 3
	case *storagev1.ChangeSetting_MaxmemoryPolicy, *storagev1.ChangeSetting_MaxmemorySamples, *storagev1.ChangeSetting_LfuLogFactor,
		*storagev1.ChangeSetting_LfuDecayTime, *storagev1.ChangeSetting_Save:
		return 2
	}
	return 1
}

func versionOfSettings(s *storagev1.MetaSettings) uint32 {
	switch {
	case s == nil:
		return 1
	case s.MigrationRate != nil || s.NodeDeadAfterMs != nil:
		return 3
	case s.MaxmemoryPolicy != 0 || s.MaxmemorySamples != nil || s.LfuLogFactor != nil || s.LfuDecayTime != nil || s.Save != nil:
		return 2
	}
	return 1
}

// marshal encodes without any freedom of order.
func marshal(m proto.Message) []byte {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		// Only a string that is not UTF-8 or a missing required field can end here, and proto3 has no required fields.
		panic(fmt.Sprintf("meta: encode %s: %v", m.ProtoReflect().Descriptor().Name(), err))
	}
	return data
}

// CheckCommand tells whether this build can evaluate an encoded command: an *apierr.Error, or nil. Whoever takes commands
// from elsewhere checks them before they are proposed: one that cannot be evaluated would stop every replica.
func CheckCommand(data []byte) error {
	if _, err := Decode(data); err != nil {
		return apierr.New(apierr.KindInvalid, "meta command: %w; not applied", err)
	}
	return nil
}

// decode reads a log entry. The meta group agreed on it, so one that cannot be read means that this build is older than
// the one that proposed it, or that the log is damaged: it panics.
func decode(index uint64, data []byte) *storagev1.MetaCommand {
	c, err := Decode(data)
	if err != nil {
		panic(fmt.Sprintf("meta: entry %d of %d bytes: %v", index, len(data), err))
	}
	return c
}

// Decode reads an encoded command; an error says that this build cannot evaluate it.
func Decode(data []byte) (*storagev1.MetaCommand, error) {
	var c storagev1.MetaCommand
	if err := proto.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("it is no command: %w", err)
	}
	if c.Version < 1 || c.Version > CommandVersion {
		return nil, fmt.Errorf("it has command version %d, this build knows up to %d; run the newer build on this node", c.Version, CommandVersion)
	}
	if c.Command == nil || hasUnknownFields(c.ProtoReflect()) {
		return nil, fmt.Errorf("it is of command version %d and holds a command or field that this build of version %d does not know",
			c.Version, CommandVersion)
	}
	if known := versionOf(&c); c.Version < known {
		return nil, fmt.Errorf("it is of command version %d and holds what only version %d knows", c.Version, known)
	}
	return &c, nil
}

// hasUnknownFields tells whether the message, or any message in it, was written by a build that knows more fields.
func hasUnknownFields(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Kind() != protoreflect.MessageKind:
		case field.IsList():
			for i := range value.List().Len() {
				found = found || hasUnknownFields(value.List().Get(i).Message())
			}
		default:
			found = hasUnknownFields(value.Message())
		}
		return !found
	})
	return found
}
