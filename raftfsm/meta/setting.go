package meta

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// setting is one setting as people name it: by `holt cluster set` or CONFIG SET.
type setting struct {
	name string
	// live: a change takes effect while the cluster runs. The others count only when it is created.
	live  bool
	get   func(Settings) string
	parse func(value string) (*storagev1.ChangeSetting, error)
}

var settingTable = []setting{
	{"appendfsync", true, func(s Settings) string { return s.AppendFsync.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseName(fsyncNames, value, fsyncChoices)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_Appendfsync{Appendfsync: storagev1.FsyncPolicy(n)}}, err
	}},
	{"default-ack", true, func(s Settings) string { return s.DefaultAck.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseName(ackNames, value, ackChoices)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_DefaultAck{DefaultAck: storagev1.AckMode(n)}}, err
	}},
	{"default-read", true, func(s Settings) string { return s.DefaultRead.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseName(readNames, value, readChoices)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_DefaultRead{DefaultRead: storagev1.ReadMode(n)}}, err
	}},
	{"expect-nodes", false, func(s Settings) string { return strconv.Itoa(s.ExpectNodes) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseCount(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_ExpectNodes{ExpectNodes: n}}, err
	}},
	{"heartbeat", false, func(s Settings) string { return s.Heartbeat.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		ms, err := parseMs(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_HeartbeatMs{HeartbeatMs: ms}}, err
	}},
	{"lease", false, func(s Settings) string { return s.Lease.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		ms, err := parseMs(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_LeaseMs{LeaseMs: ms}}, err
	}},
	{"lease-max", false, func(s Settings) string { return s.LeaseMax.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		ms, err := parseMs(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_LeaseMaxMs{LeaseMaxMs: ms}}, err
	}},
	{"lfu-decay-time", true, func(s Settings) string { return strconv.Itoa(s.LFUDecayMinutes) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseBetween(value, 0, lfuMax)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_LfuDecayTime{LfuDecayTime: n}}, err
	}},
	{"lfu-log-factor", true, func(s Settings) string { return strconv.Itoa(s.LFULogFactor) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseBetween(value, 0, lfuMax)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_LfuLogFactor{LfuLogFactor: n}}, err
	}},
	{"maxmemory-policy", true, func(s Settings) string { return s.MaxMemoryPolicy.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseName(evictionNames, value, evictionChoices)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_MaxmemoryPolicy{MaxmemoryPolicy: storagev1.EvictionPolicy(n)}}, err
	}},
	{"maxmemory-samples", true, func(s Settings) string { return strconv.Itoa(s.MaxMemorySamples) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseBetween(value, 1, samplesMax)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_MaxmemorySamples{MaxmemorySamples: n}}, err
	}},
	{"migration-rate", true, func(s Settings) string { return strconv.FormatInt(s.MigrationRateBytes, 10) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := ParseBytes(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_MigrationRate{MigrationRate: uint64(n)}}, err
	}},
	{"node-dead-after", true, func(s Settings) string { return s.NodeDeadAfter.String() }, func(value string) (*storagev1.ChangeSetting, error) {
		ms, err := parseMsOrNever(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_NodeDeadAfterMs{NodeDeadAfterMs: ms}}, err
	}},
	{"replicas", false, func(s Settings) string { return strconv.Itoa(s.Replicas) }, func(value string) (*storagev1.ChangeSetting, error) {
		n, err := parseCount(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_Replicas{Replicas: n}}, err
	}},
	{"save", true, func(s Settings) string { return s.Save }, func(value string) (*storagev1.ChangeSetting, error) {
		rules, err := ParseSave(value)
		return &storagev1.ChangeSetting{Setting: &storagev1.ChangeSetting_Save{Save: FormatSave(rules)}}, err
	}},
	{"shards", false, func(s Settings) string { return strconv.Itoa(s.Shards) }, func(value string) (*storagev1.ChangeSetting, error) {
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

// LiveSetting tells whether a change of the setting takes effect while the cluster runs; ok is false for a name that no
// setting has.
func LiveSetting(name string) (live, ok bool) {
	row, ok := settingOf(name)
	return row.live, ok
}

func settingOf(name string) (setting, bool) {
	i := slices.IndexFunc(settingTable, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return settingTable[i], true
}

// ParseChange reads a new value of a setting. The error says what is wrong with the value, in the words of Redis, and
// nothing else. Whether the value is allowed is decided when the change is applied.
func ParseChange(name, value string) (*storagev1.ChangeSetting, error) {
	row, ok := settingOf(name)
	if !ok {
		return nil, apierr.New(apierr.KindNotFound, "there is no setting %.100q; not applied, see holt cluster settings for their names", name)
	}
	change, err := row.parse(value)
	if err != nil {
		return nil, err
	}
	return change, nil
}

// ParseSetting makes the command that changes a setting from its name and its new value.
func ParseSetting(name, value string) (*storagev1.MetaCommand, error) {
	change, err := ParseChange(name, value)
	switch {
	case apierr.KindOf(err) == apierr.KindNotFound:
		return nil, err
	case err != nil:
		return nil, apierr.New(apierr.KindInvalid, "setting %s=%.100q: %w; not applied", name, value, err)
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: change}}, nil
}

func parseName(names []string, value, choices string) (int, error) {
	for i, name := range names {
		if i > 0 && strings.EqualFold(name, value) { // as Redis
			return i, nil
		}
	}
	return 0, apierr.New(apierr.KindInvalid, "%s", choices)
}

// parseBetween reads a number within bounds.
func parseBetween(value string, lowest, highest int64) (uint32, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, apierr.New(apierr.KindInvalid, "argument couldn't be parsed into an integer")
	}
	if err != nil || n < lowest || n > highest {
		return 0, apierr.New(apierr.KindInvalid, "argument must be between %d and %d inclusive", lowest, highest)
	}
	return uint32(n), nil
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

// parseMsOrNever reads what parseMs reads, and 0 for what never happens.
func parseMsOrNever(value string) (uint64, error) {
	if d, err := time.ParseDuration(value); err == nil && d == 0 {
		return 0, nil
	}
	return parseMs(value)
}
