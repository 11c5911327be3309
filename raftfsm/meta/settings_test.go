package meta

import (
	"strings"
	"testing"
	"time"

	"github.com/holtcache/holt/proto/apierr"
	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
)

// changeCommand is a ChangeSetting with any of its settings; the oneof's interface has no name outside its package.
func changeCommand[S interface {
	*storagev1.ChangeSetting_Appendfsync | *storagev1.ChangeSetting_DefaultAck | *storagev1.ChangeSetting_DefaultRead
}](s S) *storagev1.MetaCommand {
	change := &storagev1.ChangeSetting{}
	switch s := any(s).(type) {
	case *storagev1.ChangeSetting_Appendfsync:
		change.Setting = s
	case *storagev1.ChangeSetting_DefaultAck:
		change.Setting = s
	case *storagev1.ChangeSetting_DefaultRead:
		change.Setting = s
	}
	return &storagev1.MetaCommand{Command: &storagev1.MetaCommand_ChangeSetting{ChangeSetting: change}}
}

func TestEverySettingCanBeReadAsItWasWritten(t *testing.T) {
	c := threeNodes(t)
	values := map[string]string{
		"appendfsync": "everysec", "default-ack": "async", "default-read": "index", "expect-nodes": "5",
		"heartbeat": "1s", "lease": "90ms", "replicas": "3", "shards": "7",
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
	}
	if got := c.State().Settings(); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSettingsThatCannotBeReadAreRefusedBeforeTheyAreProposed(t *testing.T) {
	for _, bad := range [][2]string{
		{"appendfsync", "sometimes"}, {"appendfsync", ""}, {"default-ack", "all"}, {"default-read", "stale"},
		{"expect-nodes", "-1"}, {"replicas", "three"}, {"shards", "4294967296"}, {"lease", "180"}, {"lease", "1500us"},
		{"heartbeat", "-1s"}, {"lease-max", ""},
	} {
		if c, err := ParseSetting(bad[0], bad[1]); apierr.KindOf(err) != apierr.KindInvalid || !strings.Contains(err.Error(), "setting "+bad[0]) {
			t.Errorf("%v: got %v, %v", bad, c, err)
		}
	}
	if _, err := ParseSetting("nonsense", "1"); apierr.KindOf(err) != apierr.KindNotFound {
		t.Errorf("an unknown setting: %v", err)
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

func TestLeaseMaxIsBounded(t *testing.T) {
	for d, ok := range map[time.Duration]bool{9 * time.Millisecond: false, 10 * time.Millisecond: true, time.Minute: true, time.Minute + time.Millisecond: false} {
		s := DefaultSettings()
		s.LeaseMax, s.Lease = d, 5*time.Millisecond
		if err := s.Check(); (err == nil) != ok {
			t.Errorf("lease-max %v: %v, want valid %v", d, err, ok)
		}
	}
}
