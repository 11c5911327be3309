package respserver

import (
	"sync/atomic"
	"testing"
)

// WAITAOF tells on how many disks a write is; where logs are not synced before they are acknowledged, nobody can.
func TestWaitAOFTellsWhatIsOnDisk(t *testing.T) {
	var policy atomic.Pointer[string]
	always, everySecond := "always", "everysec"
	policy.Store(&always)
	f := start(t, fixtureConfig{with: func(c *Config) {
		c.Info = func() InfoFacts { return InfoFacts{AppendFsync: *policy.Load()} }
	}})
	c := f.dial()
	f.replicas[0].acked.Store(1)
	c.want("SET k v", "+OK", "WAITAOF 0 0 0", "[:1 :1]", "WAITAOF 1 1 0", "[:1 :1]", "WAITAOF 1 2 5", "[:1 :1]",
		"WAITAOF 2 0 0", "-ERR value is out of range, value must between 0 and 1", "WAITAOF 0 -1 0", "-ERR value is out of range, must be positive",
		"WAITAOF 0 0 -1", "-ERR timeout is negative", "WAITAOF x 0 0", "-ERR value is not an integer or out of range")
	c.send("WAITAOF 1 2 0")
	eventually(t, "WAITAOF waits", func() bool { return f.server.clients()[0].waiting.Load() })
	f.replicas[0].acked.Store(2)
	if got := c.recv(); got != "[:1 :2]" {
		t.Errorf("once both have it: %s", got)
	}
	f.replicas[0].log.leads.Store(false)
	c.want("WAITAOF 0 0 0", "[:0 :0]")
	policy.Store(&everySecond)
	c.want("WAITAOF 0 0 0", "-ERR WAITAOF needs appendfsync always: otherwise nobody can tell what is on disk; WAIT tells what is in the logs")
}

// What replicas a write needs is told, and cannot be changed.
func TestConfigTellsHowManyReplicasAWriteNeeds(t *testing.T) {
	for replicas, want := range map[int]string{0: "0", 2: "1", 4: "2"} {
		c := start(t, fixtureConfig{with: func(c *Config) {
			c.Info = func() InfoFacts { return InfoFacts{Shards: []ShardFacts{{Replicas: replicas}, {Replicas: 4}}} }
		}}).dial()
		c.want("CONFIG GET min-replicas-to-write", "[min-replicas-to-write "+want+"]", "CONFIG SET min-replicas-to-write "+want, "+OK")
		if got := c.do("CONFIG SET min-replicas-to-write 9"); got[0] != '-' {
			t.Errorf("another number: %q", got)
		}
	}
}
