package workload

import (
	"fmt"
	"strconv"

	"github.com/holtcache/holt/tests/model"
)

// commander sends commands over RESP.
type commander interface {
	// do makes one attempt at a command. The reply is a string, an int64, a list or nil.
	do(args []string) (any, error)
	// transact makes one attempt at a transaction, on one connection.
	transact(t *transaction) error
	Close() error
}

// transaction is some commands that are done as one, if nobody changes the watched key meanwhile.
type transaction struct {
	watch    string // "": nothing is watched
	commands [][]string

	found   bool   // what the watched key held
	value   string // likewise
	replies []any  // nil: the key was changed, nothing was done
}

// overRESP is a client that does each operation by the command, or the transaction, that a user would take.
type overRESP struct {
	commander
	reads int
	stale bool // reads may be answered by any replica
}

func (c *overRESP) attempt(o *model.Op) error {
	switch o.Kind {
	case model.Cas:
		t := transaction{watch: o.Key, commands: [][]string{{"SET", o.Key, o.Arg}}}
		if err := c.transact(&t); err != nil {
			o.Found, o.Value = t.found, t.value
			return err
		}
		o.Found, o.Value, o.N = t.found, t.value, int64(min(len(t.replies), 1))
		return nil
	case model.SetTwins:
		return c.transact(&transaction{commands: [][]string{{"SET", o.Key, o.Arg}, {"SET", twin(o.Key), o.Arg}}})
	case model.GetTwins:
		return c.getTwins(o)
	}
	reply, err := c.do(command(o))
	if at, pinned := c.commander.(interface{ connection() string }); pinned && c.stale {
		o.Stale, o.Conn = true, at.connection()
	}
	if err != nil {
		return err
	}
	return answer(o, reply)
}

// getTwins reads by MGET and by MULTI in turn.
func (c *overRESP) getTwins(o *model.Op) error {
	var values []any
	if c.reads++; c.reads%2 == 0 {
		t := transaction{commands: [][]string{{"GET", o.Key}, {"GET", twin(o.Key)}}}
		if err := c.transact(&t); err != nil {
			return err
		}
		values = t.replies
	} else {
		reply, err := c.do([]string{"MGET", o.Key, twin(o.Key)})
		if err != nil {
			return err
		}
		values, _ = reply.([]any)
	}
	if len(values) != 2 {
		return fmt.Errorf("ERR %v answered %v", o.Kind, values)
	}
	o.Value, o.Found = values[0].(string)
	o.Twin, o.TwinFound = values[1].(string)
	return nil
}

// twin is the other key of a pair, in the same slot.
func twin(key string) string { return "{" + key + "}twin" }

// answer fills in what a single command was answered.
func answer(o *model.Op, reply any) error {
	switch v := reply.(type) {
	case nil:
	case int64:
		o.N = v
	case string:
		if o.Kind != model.Set {
			o.Found, o.Value = true, v
		} else if v != "OK" {
			return fmt.Errorf("ERR SET answered %q", v)
		}
	default:
		return fmt.Errorf("ERR %v answered %v", o.Kind, v)
	}
	return nil
}

func command(o *model.Op) []string {
	switch o.Kind {
	case model.Get:
		return []string{"GET", o.Key}
	case model.Set:
		if o.TTL != 0 {
			return []string{"SET", o.Key, o.Arg, "PX", strconv.FormatInt(o.TTL.Milliseconds(), 10)}
		}
		return []string{"SET", o.Key, o.Arg}
	case model.SetNX:
		return []string{"SET", o.Key, o.Arg, "NX", "GET"}
	case model.Del:
		return []string{"DEL", o.Key}
	case model.GetDel:
		return []string{"GETDEL", o.Key}
	case model.Incr:
		if o.Delta != 0 {
			return []string{"INCRBY", o.Key, strconv.FormatInt(o.Delta, 10)}
		}
		return []string{"INCR", o.Key}
	case model.Append:
		return []string{"APPEND", o.Key, o.Arg}
	}
	panic("no command for " + o.Kind.String())
}
