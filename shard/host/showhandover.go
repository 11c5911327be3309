package host

import (
	"fmt"

	"github.com/holtcache/holt/raftfsm/entry"
)

// handoverText tells of a record of a hand-over of slots; ok is false for other records.
func handoverText(h entry.Header, body []byte) (name, text string, ok bool, err error) {
	ok = true
	switch h.Kind {
	case entry.KindFreeze:
		var r entry.Freeze
		r, err = entry.DecodeFreeze(body)
		name, text = "freeze", fmt.Sprintf("migration=%d to=%d slots=%v", r.Migration, r.To, r.Ranges)
	case entry.KindUnfreeze:
		var r entry.Unfreeze
		r, err = entry.DecodeUnfreeze(body)
		name, text = "unfreeze", fmt.Sprintf("migration=%d", r.Migration)
	case entry.KindDrop:
		var r entry.Drop
		r, err = entry.DecodeDrop(body)
		name, text = "drop", fmt.Sprintf("migration=%d", r.Migration)
	case entry.KindImport:
		var r entry.Import
		r, err = entry.DecodeImport(body)
		name, text = "import", fmt.Sprintf("migration=%d from=%d slots=%v", r.Migration, r.From, r.Ranges)
	case entry.KindChunk:
		var c entry.Chunk
		c, err = entry.DecodeChunk(body)
		name, text = "chunk", chunkText(&c)
	case entry.KindActivate:
		var r entry.Activate
		r, err = entry.DecodeActivate(body)
		name, text = "activate", fmt.Sprintf("migration=%d", r.Migration)
	case entry.KindDiscard:
		var r entry.Discard
		r, err = entry.DecodeDiscard(body)
		name, text = "discard", fmt.Sprintf("migration=%d", r.Migration)
	case entry.KindMigrationEnd:
		var r entry.MigrationEnd
		r, err = entry.DecodeMigrationEnd(body)
		name, text = "migration end", fmt.Sprintf("migration=%d slots=%v", r.Migration, r.Ranges)
	default:
		ok = false
	}
	return name, text, ok, err
}

func chunkText(c *entry.Chunk) string {
	text := fmt.Sprintf("migration=%d attempt=%v chunk=%d final=%v version=%d source_time=%d", c.Migration, c.Attempt, c.Sequence, c.Final, c.Version, c.Time)
	var l keyList
	for _, p := range c.Parts {
		if p.Drop {
			text += fmt.Sprintf(" drop=%d", p.Slot)
		}
		for _, it := range p.Items {
			l.add("item", p.Slot, it.Key, it.Value)
		}
		l.addEffects(p.Slot, p.Effects)
	}
	return text + l.text()
}
