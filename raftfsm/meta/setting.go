package meta

import (
	"strconv"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// setting is one setting as people name it: by `holt cluster set` or CONFIG SET.
type setting struct {
	name  string
	get   func(Settings) string
	parse func(value string) (*storagev1.ChangeSetting, error)
}

var settingTable = []setting{
	{"appendfsync", func(s Settings) string { return s.AppendFsync.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseName(fsyncNames, value, "always, everysec or no")
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_Appendfsync{Appendfsync: storagev1.FsyncPolicy(n)}}, err
	}},
	{"default-ack", func(s Settings) string { return s.DefaultAck.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseName(ackNames, value, "majority or async")
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_DefaultAck{DefaultAck: storagev1.AckMode(n)}}, err
	}},
	{"default-read", func(s Settings) string { return s.DefaultRead.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseName(readNames, value, "lease or index")
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_DefaultRead{DefaultRead: storagev1.ReadMode(n)}}, err
	}},
	{"expect-nodes", func(s Settings) string { return strconv.Itoa(s.ExpectNodes) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseCount(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_ExpectNodes{ExpectNodes: n}}, err
	}},
	{"heartbeat", func(s Settings) string { return s.Heartbeat.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		ms, err := parseMs(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_HeartbeatMs{HeartbeatMs: ms}}, err
	}},
	{"lease", func(s Settings) string { return s.Lease.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		ms, err := parseMs(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_LeaseMs{LeaseMs: ms}}, err
	}},
	{"lease-max", func(s Settings) string { return s.LeaseMax.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		ms, err := parseMs(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_LeaseMaxMs{LeaseMaxMs: ms}}, err
	}},
	{"replicas", func(s Settings) string { return strconv.Itoa(s.Replicas) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseCount(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_Replicas{Replicas: n}}, err
	}},
	{"shards", func(s Settings) string { return strconv.Itoa(s.Shards) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseCount(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_Shards{Shards: n}}, err
	}},
}

// NamedSetting is one setting with its value, as text.
type NamedSetting struct{ Name, Value string }

// List is all settings in ascending order of name.
func (s Settings) List() []NamedSetting {
	list := make([]NamedSetting, 0, len(settingTable))
	for _, row := range settingTable {
		list = append(list, NamedSetting{row.name, row.get(s)})
	}
	return list
}

// ParseSetting makes the command that changes a setting from its name and its new value. Whether the value is allowed is
// decided when the command is applied.
func ParseSetting(name, value string) (*storagev1.MetaCommand, error) {
	for _, row := range settingTable {
		if row.name != name {
			continue
		}
		change, err := row.parse(value)
		if err != nil {
			return nil, apierr.New(apierr.KindInvalid, "setting %s=%.100q: %w; not applied", name, value, err)
		}
		return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: change}}, nil
	}
	return nil, apierr.New(apierr.KindNotFound, "there is no setting %.100q; not applied, see holt cluster status for their names", name)
}

func parseName(names []string, value, allowed string) (int, error) {
	for i, name := range names {
		if i > 0 && name == value {
			return i, nil
		}
	}
	return 0, apierr.New(apierr.KindInvalid, "use %s", allowed)
}

func parseCount(value string) (uint32, error) {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return 0, apierr.New(apierr.KindInvalid, "use a whole number")
	}
	return uint32(n), nil
}

// parseMs reads "300ms" or "1s"; less than a millisecond is not kept, so it is refused.
func parseMs(value string) (uint64, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d <= 0 || d%time.Millisecond != 0 {
		return 0, apierr.New(apierr.KindInvalid, "use a duration of whole milliseconds, such as 300ms")
	}
	return uint64(d.Milliseconds()), nil
}
