package meta

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// CommandVersion is the version of the rules by which this build evaluates commands. It rises whenever a command, a
// field or an enum value is added, or a rule or limit changes.
const CommandVersion = 1

// Encode is the log entry of a command. It stamps the version.
func Encode(c *storagev1.MetaCommand) []byte {
	c.Version = CommandVersion
	return marshal(c)
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

// decode reads a log entry. The meta group agreed on it, so one that cannot be read means that this build is older than
// the one that proposed it, or that the log is damaged: it panics.
func decode(index uint64, data []byte) *storagev1.MetaCommand {
	var c storagev1.MetaCommand
	if err := proto.Unmarshal(data, &c); err != nil {
		panic(fmt.Sprintf("meta: entry %d of %d bytes is no command: %v", index, len(data), err))
	}
	if c.Version != CommandVersion {
		panic(fmt.Sprintf("meta: entry %d has command version %d, this build knows %d; run the newer build on this node",
			index, c.Version, CommandVersion))
	}
	if c.Command == nil || hasUnknownFields(c.ProtoReflect()) {
		panic(fmt.Sprintf("meta: entry %d of command version %d holds a command or field that this build of version %d does not know",
			index, c.Version, CommandVersion))
	}
	return &c
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
