package host

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hashicorp/raft"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	storagev1 "github.com/holtcache/holt/proto/holt/storage/v1"
	"github.com/holtcache/holt/proto/slot"
	"github.com/holtcache/holt/raftfsm/entry"
	"github.com/holtcache/holt/shard"
)

// ShowLog prints one line for each entry from..to (0: from the first, to the last) in the log of a shard, 0 being the meta
// group, in the data folder of a node that is stopped.
func ShowLog(w io.Writer, dir string, number, from, to uint64) error {
	i, err := Inspect(dir)
	if err != nil {
		if i != nil {
			err = errors.Join(err, i.Close())
		}
		return err
	}
	defer i.Close()
	id := slot.ShardID(number)
	if number == 0 {
		id = shard.MetaGroup
	}
	log, err := i.openLog(id)
	if err != nil {
		return fmt.Errorf("%s: %w", GroupText(id), err)
	}
	defer log.Close()
	if to == 0 || to > log.Last {
		to = log.Last
	}
	for index := max(from, log.First, 1); index <= to; index++ {
		var e raft.Log
		if err := log.Entry(index, &e); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%d term=%d %s\n", e.Index, e.Term, entryText(id, &e)); err != nil {
			return err
		}
	}
	return nil
}

func entryText(id slot.ShardID, e *raft.Log) string {
	switch {
	case e.Type == raft.LogConfiguration:
		return configurationText(e.Data)
	case e.Type != raft.LogCommand:
		return strings.ToLower(strings.TrimPrefix(e.Type.String(), "Log"))
	case id == shard.MetaGroup:
		return metaText(e.Data)
	}
	return recordText(e.Data)
}

func configurationText(data []byte) string {
	var m members
	if err := withoutPanic("configuration", func() error { m.Configuration = raft.DecodeConfiguration(data); return nil }); err != nil {
		return "UNREADABLE: " + err.Error()
	}
	return fmt.Sprintf("configuration voters=%v learners=%v", m.voters(), m.learners())
}

func metaText(data []byte) string {
	var c storagev1.MetaCommand
	if err := proto.Unmarshal(data, &c); err != nil {
		return "UNREADABLE: " + err.Error()
	}
	return protojson.MarshalOptions{}.Format(&c)
}

func recordText(data []byte) string {
	h, body, err := entry.DecodeHeader(data)
	if err != nil {
		return "UNREADABLE: " + err.Error()
	}
	text := fmt.Sprintf("incarnation=%d sequence=%d time=%d", h.Incarnation, h.Sequence, h.Time)
	switch h.Kind {
	case entry.KindBatch:
		var b entry.Batch
		if err := entry.DecodeBatch(body, &b); err != nil {
			return "UNREADABLE: " + err.Error()
		}
		return "batch " + text + batchText(&b)
	case entry.KindExecutorStart:
		start, err := entry.DecodeExecutorStart(body)
		if err != nil {
			return "UNREADABLE: " + err.Error()
		}
		return fmt.Sprintf("executor start %s node=%s", text, start.Node)
	case entry.KindLeaseRelease:
		return "lease release " + text
	case entry.KindOwn:
		ranges, err := entry.DecodeOwn(body)
		if err != nil {
			return "UNREADABLE: " + err.Error()
		}
		return fmt.Sprintf("own %s slots=%v", text, ranges)
	}
	switch name, more, ok, err := handoverText(h, body); {
	case err != nil:
		return "UNREADABLE: " + err.Error()
	case ok:
		return name + " " + text + " " + more
	}
	return fmt.Sprintf("kind %d %s", h.Kind, text)
}

// effectsMax bounds the effects and items that are shown of one entry, valueMax what is shown of a value.
const (
	effectsMax = 16
	valueMax   = 32
)

func batchText(b *entry.Batch) string {
	text := fmt.Sprintf(" version=%d", b.Version)
	if len(b.Drops) > 0 {
		text += fmt.Sprintf(" drops=%v", b.Drops)
	}
	var l keyList
	for _, s := range b.Sections {
		l.addEffects(s.Slot, s.Effects)
	}
	return text + l.text()
}

// keyList shows the first effectsMax keys of an entry, and counts the others.
type keyList struct {
	shown strings.Builder
	all   int
}

func (l *keyList) addEffects(s slot.ID, effects []entry.Effect) {
	for i := range effects {
		l.add(fmt.Sprintf("kind=%d", effects[i].Kind), s, effects[i].Key, effects[i].Value)
	}
}

func (l *keyList) add(what string, s slot.ID, key, value []byte) {
	if l.all++; l.all <= effectsMax {
		fmt.Fprintf(&l.shown, " [%s slot=%d key=%q value=%q(%d)]", what, s, key, value[:min(len(value), valueMax)], len(value))
	}
}

func (l *keyList) text() string {
	if l.all > effectsMax {
		return fmt.Sprintf("%s and %d more", l.shown.String(), l.all-effectsMax)
	}
	return l.shown.String()
}
