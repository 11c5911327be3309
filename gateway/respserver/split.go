package respserver

import (
	"bytes"
	"strconv"

	"github.com/holtcache/holt/gateway/command"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
	"github.com/holtcache/holt/proto/slot"
)

// splitCommand is how a command on many keys becomes one for each slot, for a server that redirects nobody. The parts are not one
// operation: others may see some of them done, and one may fail while the others do not.
type splitCommand struct {
	// words is how many arguments belong to each key.
	words int
	// join makes the reply of those of the parts; places are where the keys of each part stood.
	join func(parts []resp.Value, places [][]int) resp.Value
}

var splitCommands = map[string]splitCommand{
	"mget": {1, joinValues}, "mset": {2, joinOK},
	"del": {1, joinSum}, "unlink": {1, joinSum}, "exists": {1, joinSum}, "touch": {1, joinSum},
}

// split runs a command whose keys are of several slots as several; false: it can't be, or this server redirects.
func (c *conn) split(spec *command.Spec, args [][]byte) bool {
	how, ok := splitCommands[spec.Name]
	if !ok || !c.proxied || (len(args)-1)%how.words != 0 {
		return false
	}
	var slots []slot.ID
	places := map[slot.ID][]int{}
	for i := 1; i < len(args); i += how.words {
		s := slot.Of(args[i])
		if places[s] == nil {
			slots = append(slots, s)
		}
		places[s] = append(places[s], (i-1)/how.words)
	}
	ordered, parts := make([][]int, len(slots)), make([]*entry, len(slots))
	for i, s := range slots {
		part := [][]byte{args[0]}
		for _, at := range places[s] {
			part = append(part, args[1+at*how.words:1+(at+1)*how.words]...)
		}
		c.args = part
		c.part(spec, part, s)
		ordered[i], parts[i] = places[s], c.entries[c.used-1]
		parts[i].part = true
	}
	c.args = args
	whole := c.newEntry()
	whole.parts = parts
	whole.join = func(parts []*entry) resp.Value {
		replies := make([]resp.Value, len(parts))
		for i, part := range parts {
			if replies[i] = part.answer(); replies[i].IsError() {
				return replies[i]
			}
		}
		return how.join(replies, ordered)
	}
	return true
}

// part runs the part of a command that is about one slot. Its entry is the last one then.
func (c *conn) part(spec *command.Spec, args [][]byte, s slot.ID) {
	call, err := spec.Parse(args)
	switch {
	case err != nil:
		c.newEntry().reply = errorReply(err)
	case call.Read != nil:
		if v, known := c.read(spec, &call, s, false); known {
			c.charge(&v)
			c.newEntry().reply = v
		}
	default:
		e := c.newEntry()
		e.set(spec, &call)
		e.op.Slot, e.op.Ack = s, c.ack
		c.route(e)
	}
}

var errJoin = errorReply(apierr.New(apierr.KindInternal, "a part of the command was answered otherwise than expected; outcome unknown, read before you retry"))

func joinOK(parts []resp.Value, _ [][]int) resp.Value { return parts[0] }

func joinSum(parts []resp.Value, _ [][]int) resp.Value {
	sum := int64(0)
	for _, part := range parts {
		n, ok := numberIn(part)
		if !ok {
			return errJoin
		}
		sum += n
	}
	return resp.Int(sum)
}

// numberIn is the integer that a reply is.
func numberIn(v resp.Value) (int64, bool) {
	if v.Kind != resp.KindRaw {
		return v.Int, v.Kind == resp.KindInt
	}
	n, err := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimPrefix(v.Str, []byte(":")), []byte("\r\n"))), 10, 64)
	return n, err == nil
}

func joinValues(parts []resp.Value, places [][]int) resp.Value {
	count := 0
	for _, at := range places {
		count += len(at)
	}
	values := make([]resp.Value, count)
	for i, part := range parts {
		elems, ok := elemsIn(part)
		if !ok || len(elems) != len(places[i]) {
			return errJoin
		}
		for j, at := range places[i] {
			values[at] = elems[j]
		}
	}
	return resp.Array(values...)
}

// elemsIn are the elements of the array that a reply is.
func elemsIn(v resp.Value) (elems []resp.Value, ok bool) {
	if v.Kind != resp.KindRaw {
		return v.Elems, v.Kind == resp.KindArray
	}
	line := bytes.IndexByte(v.Str, '\n')
	if line < 0 || v.Str[0] != '*' {
		return nil, false
	}
	for rest := v.Str[line+1:]; len(rest) > 0; {
		n, whole, err := resp.ReplyLength(rest)
		if err != nil || !whole {
			return nil, false
		}
		elems = append(elems, resp.Raw(rest[:n]))
		rest = rest[n:]
	}
	return elems, true
}
