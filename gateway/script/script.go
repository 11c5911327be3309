package script

import (
	"bytes"
	"crypto/sha1" // the name of a script in Redis; it protects nothing
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"

	"github.com/holtcache/holt/proto/apierr"
)

// SourceBytesMax bounds a script. The compiler takes stack in proportion to how deep its source is nested.
const SourceBytesMax = 128 << 10

// chunkName is what Redis calls a script in errors.
const chunkName = "user_script"

// Script is a compiled script. It is immutable.
type Script struct {
	// Source is the script as it came.
	Source string
	// SHA is the name of the script, in lower case.
	SHA string
	// Flagged tells that the script begins with "#!", and so says of itself what it does; ReadOnly that it writes nothing.
	Flagged, ReadOnly bool

	code *lua.FunctionProto
}

// SHA is the name of a script.
func SHA(source []byte) string {
	sum := sha1.Sum(source)
	return hex.EncodeToString(sum[:])
}

// Compile compiles a script. Errors are *apierr.Error.
func Compile(source []byte) (_ *Script, err error) {
	defer func() {
		if fault := recover(); fault != nil { // of the compiler, which must not end the process
			err = compileError(fmt.Errorf("%s: %v", chunkName, fault), source)
		}
	}()
	if len(source) > SourceBytesMax {
		return nil, apierr.New(apierr.KindTooLarge, "script of %d bytes exceeds the limit of %d", len(source), SourceBytesMax)
	}
	s := &Script{Source: string(source), SHA: SHA(source)}
	body, err := s.shebang(source)
	if err != nil {
		return nil, err
	}
	chunk, err := parse.Parse(bytes.NewReader(body), chunkName)
	if err != nil {
		return nil, compileError(err, source)
	}
	if err := rewrite(chunk); err != nil {
		return nil, compileError(err, source)
	}
	if s.code, err = lua.Compile(chunk, chunkName); err != nil {
		return nil, compileError(err, source)
	}
	return s, nil
}

func compileError(err error, source []byte) error {
	text := err.Error()
	var syntax *parse.Error
	if errors.As(err, &syntax) {
		line, near := syntax.Pos.Line, syntax.Token
		if line == parse.EOF {
			line, near = 1+bytes.Count(source, []byte("\n")), "<eof>"
		}
		text = fmt.Sprintf("%s:%d: %s near '%s'", chunkName, line, syntax.Message, near)
	}
	return apierr.New(apierr.KindInvalid, "Error compiling script (new function): %s", oneLine(text))
}

// oneLine makes one line of a text.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// shebang reads the first line of a script that begins with "#!", and returns the source without it (redis.io, "Eval flags").
func (s *Script) shebang(source []byte) ([]byte, error) {
	if !bytes.HasPrefix(source, []byte("#!")) {
		return source, nil
	}
	end := bytes.IndexByte(source, '\n')
	if end < 0 {
		return nil, apierr.New(apierr.KindInvalid, "Invalid script shebang")
	}
	words := strings.Fields(string(source[:end]))
	if words[0] != "#!lua" {
		return nil, apierr.New(apierr.KindInvalid, "Unexpected engine in script shebang: %s", words[0])
	}
	s.Flagged = true
	for _, word := range words[1:] {
		list, is := strings.CutPrefix(word, "flags=")
		if !is {
			return nil, apierr.New(apierr.KindInvalid, "Unknown lua shebang option: %s", word)
		}
		for _, flag := range strings.Split(list, ",") {
			switch flag {
			case "no-writes":
				s.ReadOnly = true
			case "", "allow-oom", "allow-stale", "no-cluster", "allow-cross-slot-keys":
			default:
				return nil, apierr.New(apierr.KindInvalid, "Unexpected flag in script shebang: %s", flag)
			}
		}
	}
	return source[end:], nil // the line break stays, so that lines are counted right
}
