package meta

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// changeCommand is a ChangeSetting with any of its settings; the oneof's interface has no name outside its package.
func changeCommand[S interface {
	*storagev1.ChangeSetting_Appendfsync | *storagev1.ChangeSetting_DefaultAck | *storagev1.ChangeSetting_DefaultRead |
		*storagev1.ChangeSetting_MaxmemoryPolicy | *storagev1.ChangeSetting_Save | *storagev1.ChangeSetting_MaxmemorySamples |
		*storagev1.ChangeSetting_MigrationRate | *storagev1.ChangeSetting_NodeDeadAfterMs
}](s S) *storagev1.MetaCommand {
	change := &storagev1.ChangeSetting{}
	switch s := any(s).(type) {
	case *storagev1.ChangeSetting_Appendfsync:
		change.Setting = s
	case *storagev1.ChangeSetting_DefaultAck:
		change.Setting = s
	case *storagev1.ChangeSetting_DefaultRead:
		change.Setting = s
	case *storagev1.ChangeSetting_MaxmemoryPolicy:
		change.Setting = s
	case *storagev1.ChangeSetting_Save:
		change.Setting = s
	case *storagev1.ChangeSetting_MaxmemorySamples:
		change.Setting = s
	case *storagev1.ChangeSetting_MigrationRate:
		change.Setting = s
	case *storagev1.ChangeSetting_NodeDeadAfterMs:
		change.Setting = s
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: change}}
}

func TestEverySettingCanBeReadAsItWasWritten(t *testing.T) {
	c := threeNodes(t)
	values := map[string]string{
		"appendfsync": "everysec", "default-ack": "async", "default-read": "index", "expect-nodes": "5",
		"heartbeat": "1s", "lease": "90ms", "replicas": "3", "shards": "7", "maxmemory-policy": "volatile-lfu",
		"maxmemory-samples": "64", "lfu-log-factor": "2147483647", "lfu-decay-time": "0", "save": "900 1 60 1000",
		"migration-rate": "1048576", "node-dead-after": "1m30s",
	}
	for name, value := range values {
		if r := c.must(settingCommand(t, name, value)); !r.Changed {
			t.Errorf("%s=%s changed nothing", name, value)
		}
	}
	values["lease-max"] = "200ms"
	list := c.State().Settings().List()
	for i, got := range list {
		if got.Value != values[got.Name] {
			t.Errorf("%s is %s, want %s", got.Name, got.Value, values[got.Name])
		}
		if i > 0 && list[i-1].Name >= got.Name {
			t.Errorf("%s does not come after %s", got.Name, list[i-1].Name)
		}
	}
	if len(list) != len(values) {
		t.Errorf("%d settings, want %d", len(list), len(values))
	}
	want := Settings{
		Replicas: 3, Shards: 7, ExpectNodes: 5, Heartbeat: time.Second, Lease: 90 * time.Millisecond,
		LeaseMax: 200 * time.Millisecond, AppendFsync: FsyncEverySec, DefaultAck: AckAsync, DefaultRead: ReadIndex,
		MaxMemoryPolicy: VolatileLFU, MaxMemorySamples: 64, LFULogFactor: 1<<31 - 1, LFUDecayMinutes: 0, Save: "900 1 60 1000",
		MigrationRateBytes: 1 << 20, NodeDeadAfter: 90 * time.Second,
	}
	if got := c.State().Settings(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSettingsThatCannotBeReadAreRefusedBeforeTheyAreProposed(t *testing.T) {
	for _, bad := range [][2]string{
		{"appendfsync", "sometimes"}, {"appendfsync", ""}, {"default-ack", "all"}, {"default-read", "stale"},
		{"expect-nodes", "-1"}, {"replicas", "three"}, {"shards", "4294967296"}, {"lease", "180"}, {"lease", "1500us"},
		{"heartbeat", "-1s"}, {"lease-max", ""}, {"maxmemory-policy", "lru"}, {"maxmemory-samples", "0"}, {"maxmemory-samples", "65"},
		{"maxmemory-samples", "1.5"}, {"lfu-log-factor", "-1"}, {"lfu-decay-time", "2147483648"}, {"lfu-decay-time", "99999999999999999999"},
		{"migration-rate", "-1"}, {"migration-rate", "fast"}, {"migration-rate", "1tb"}, {"node-dead-after", "300"}, {"node-dead-after", "-1s"},
		{"node-dead-after", "1500us"}, {"save", "60"}, {"save", "0 1"}, {"save", "60 -1"}, {"save", strings.Repeat("60 1 ", 17)},
	} {
		if c, err := ParseSetting(bad[0], bad[1]); apierr.KindOf(err) != apierr.KindInvalid || !strings.Contains(err.Error(), "setting "+bad[0]) {
			t.Errorf("%v: got %v, %v", bad, c, err)
		}
	}
	if _, err := ParseSetting("nonsense", "1"); apierr.KindOf(err) != apierr.KindNotFound {
		t.Errorf("an unknown setting: %v", err)
	}
}

// The words are Redis': CONFIG SET answers with them.
func TestErrorsOfValuesAreThoseOfRedis(t *testing.T) {
	for _, c := range [][3]string{
		{"maxmemory-policy", "foo", "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction"},
		{"appendfsync", "foo", "argument(s) must be one of the following: everysec, always, no"},
		{"maxmemory-samples", "0", "argument must be between 1 and 64 inclusive"},
		{"maxmemory-samples", "x", "argument couldn't be parsed into an integer"},
		{"lfu-log-factor", "-1", "argument must be between 0 and 2147483647 inclusive"},
		{"save", "foo", "Invalid save parameters"},
		{"migration-rate", "foo", "argument must be a memory value"},
	} {
		if _, err := ParseChange(c[0], c[1]); err == nil || err.Error() != c[2] {
			t.Errorf("%s=%s: got %v, want %s", c[0], c[1], err, c[2])
		}
	}
}

func TestSettingsOfOneCommandChangeTogetherOrNotAtAll(t *testing.T) {
	c := threeNodes(t)
	before := c.State().Settings()
	c.refuse(apierr.KindInvalid, "lease-max is fixed", changesCommand(t, memoryOf("node-1", 1, 100), "maxmemory-samples", "7", "lease-max", "1s"))
	c.refuse(apierr.KindInvalid, "at most 0.9", changesCommand(t, memoryOf("node-1", 1, 100), "maxmemory-samples", "7", "lease", "199ms"))
	c.refuse(apierr.KindInvalid, "start 1 has registered, not start 2", changesCommand(t, memoryOf("node-1", 2, 100), "maxmemory-samples", "7"))
	c.refuse(apierr.KindNotFound, "node-9 is not registered", changesCommand(t, memoryOf("node-9", 1, 100), "maxmemory-samples", "7"))
	c.refuse(apierr.KindTooLarge, "memoryBytesMax", changesCommand(t, memoryOf("node-1", 1, 1<<60+1), "maxmemory-samples", "7"))
	c.refuse(apierr.KindTooLarge, "changesMax", changesCommand(t, nil, slices.Repeat([]string{"maxmemory-samples", "7"}, 65)...))
	node, _ := c.State().Node("node-1")
	if got := c.State().Settings(); got != before || node.MaxMemoryBytes != 0 {
		t.Fatalf("a refused command changed something: %+v, %+v", got, node)
	}
	r := c.must(changesCommand(t, memoryOf("node-1", 1, 100), "maxmemory-samples", "7", "maxmemory-policy", "ALLKEYS-LRU"))
	node, _ = c.State().Node("node-1")
	if got := c.State().Settings(); !r.Changed || got.MaxMemorySamples != 7 || got.MaxMemoryPolicy != AllKeysLRU || node.MaxMemoryBytes != 100 {
		t.Errorf("got %+v, %+v", got, node)
	}
	if r := c.must(changesCommand(t, memoryOf("node-1", 1, 100), "maxmemory-samples", "7")); r.Changed {
		t.Error("the same again changed something")
	}
}

func TestWhatANodeMayHoldOutlivesItsRestart(t *testing.T) {
	c := threeNodes(t)
	c.must(changesCommand(t, memoryOf("node-2", 1, 100)))
	c.must(registerCommand(2, 2))
	if node, _ := c.State().Node("node-2"); node.MaxMemoryBytes != 100 || node.StartCount != 2 {
		t.Errorf("got %+v", node)
	}
	if r := c.must(registerCommand(2, 2)); r.Changed {
		t.Error("the same registration again changed something")
	}
}

func TestSaveRulesAreWrittenInOneForm(t *testing.T) {
	c := threeNodes(t)
	c.must(settingCommand(t, "save", "  3600  1 300   0100 "))
	if got := c.State().Settings().Save; got != "3600 1 300 100" {
		t.Errorf("got %q", got)
	}
	c.refuse(apierr.KindInvalid, "save", changeCommand(&storagev1.ChangeSetting_Save{Save: "3600  1"}))
	rules, err := ParseSave("3600 1 300 100")
	want := []SaveRule{{time.Hour, 1}, {5 * time.Minute, 100}}
	if err != nil || !slices.Equal(rules, want) {
		t.Errorf("got %v, %v, want %v", rules, err, want)
	}
}

func TestDefaultSettingsAreValid(t *testing.T) {
	if err := DefaultSettings().Check(); err != nil {
		t.Error(err)
	}
	if got := Fsync(0).String(); got != "unset" {
		t.Errorf("a policy that is not set reads %q", got)
	}
}

func TestSettingsOfNodesThatComeAndGoAreBounded(t *testing.T) {
	c := threeNodes(t)
	for _, rate := range []uint64{0, 1 << 10, 1 << 40} {
		c.must(changeCommand(&storagev1.ChangeSetting_MigrationRate{MigrationRate: rate}))
		if got := c.State().Settings().MigrationRateBytes; got != int64(rate) {
			t.Errorf("got a rate of %d, want %d", got, rate)
		}
	}
	for _, rate := range []uint64{1, 1<<10 - 1, 1<<40 + 1, 1<<64 - 1} {
		c.refuse(apierr.KindInvalid, "migration-rate=", changeCommand(&storagev1.ChangeSetting_MigrationRate{MigrationRate: rate}))
	}
	for _, ms := range []uint64{0, 1000, 30 * 24 * 3_600_000} {
		c.must(changeCommand(&storagev1.ChangeSetting_NodeDeadAfterMs{NodeDeadAfterMs: ms}))
		if got := c.State().Settings().NodeDeadAfter; got != time.Duration(ms)*time.Millisecond {
			t.Errorf("got %v, want %d ms", got, ms)
		}
	}
	for _, ms := range []uint64{1, 999, 30*24*3_600_000 + 1, 1<<64 - 1} {
		c.refuse(apierr.KindInvalid, "node-dead-after=", changeCommand(&storagev1.ChangeSetting_NodeDeadAfterMs{NodeDeadAfterMs: ms}))
	}
	// CONFIG SET of what CONFIG GET said changes nothing.
	for name, value := range map[string]string{"node-dead-after": "0", "migration-rate": "0"} {
		c.must(settingCommand(t, name, value))
	}
	for _, named := range c.State().Settings().List() {
		if live, _ := LiveSetting(named.Name); live {
			if r := c.must(settingCommand(t, named.Name, named.Value)); r.Changed {
				t.Errorf("%s=%s is not what it was", named.Name, named.Value)
			}
		}
	}
}

func TestLeaseMaxIsBounded(t *testing.T) {
	for d, ok := range map[time.Duration]bool{9 * time.Millisecond: false, 10 * time.Millisecond: true, time.Minute: true, time.Minute + time.Millisecond: false} {
		s := DefaultSettings()
		s.LeaseMax, s.Lease = d, 5*time.Millisecond
		if err := s.Check(); (err == nil) != ok {
			t.Errorf("lease-max %v: %v, want valid %v", d, err, ok)
		}
	}
}
