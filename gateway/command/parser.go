package command

import (
	"errors"

	"github.com/holtcache/holt/gateway/ops"
	"github.com/holtcache/holt/gateway/resp"
	"github.com/holtcache/holt/proto/apierr"
)

// parser makes calls of arguments; its methods are the Parse functions of the table.
type parser struct {
	limits Limits
	// table is the table whose rows they are, for scripts.
	table *Table
}

// The errors of arguments; their texts are those of Redis.
var (
	errSyntax = apierr.New(apierr.KindInvalid, "syntax error")
	errDecr   = apierr.New(apierr.KindInvalid, "decrement would overflow")
)

// key checks the first argument as a key.
func (p parser) key(args [][]byte) ([][]byte, error) { return p.keys(args[1:2]) }

// keys checks keys and returns them.
func (p parser) keys(keys [][]byte) ([][]byte, error) {
	for _, key := range keys {
		if err := p.limits.CheckKey(key); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// keyValue checks a key and the value that it is to hold.
func (p parser) keyValue(args [][]byte, value []byte) ([][]byte, error) {
	if err := p.limits.CheckValue(value); err != nil {
		return nil, err
	}
	return p.key(args)
}

// readOf makes the Parse of a command that reads one key, at this position, and has no other arguments.
func (p parser) readOf(at int, answer func(ops.Reader, []byte) (resp.Value, error)) func([][]byte) (Call, error) {
	return func(args [][]byte) (Call, error) {
		keys, err := p.keys(args[at : at+1])
		if err != nil {
			return Call{}, err
		}
		return Call{Keys: keys, Read: func(r ops.Reader) resp.Value {
			reply, err := answer(r, keys[0])
			if err != nil {
				return fail(err)
			}
			return reply
		}}, nil
	}
}

// fail is the error reply of a command.
func fail(err error) resp.Value { return resp.Err(apierr.Of(err).RESP()) }

// failNamed is fail for commands that take an expiry: where that was refused, the reply names the command.
func failNamed(err error, name string) resp.Value {
	if errors.Is(err, ops.ErrExpiry) {
		err = errExpiry(name)
	}
	return fail(err)
}

func errExpiry(name string) error {
	return apierr.New(apierr.KindInvalid, "%s in '%s' command", ops.ErrExpiry.Message, name)
}

// bulkOrNull is the reply of commands that answer with a value if there is one.
func bulkOrNull(value []byte, ok bool) resp.Value {
	if !ok {
		return resp.Null()
	}
	return resp.Bulk(value)
}

// yesNo is the reply of commands that answer 1 for yes, 0 for no.
func yesNo(yes bool) resp.Value {
	if yes {
		return resp.Int(1)
	}
	return resp.Int(0)
}

// word tells whether an argument is an option; upper is in upper case.
func word(arg []byte, upper string) bool {
	if len(arg) != len(upper) {
		return false
	}
	for i, c := range arg {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}
