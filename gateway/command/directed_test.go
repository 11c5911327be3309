package command

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// directed has one command a line: words are separated by a space, "" is the empty word, and a leading # begins a block
// on empty data.
//
//go:embed testdata/directed.txt
var directed string

func TestTableAnswersDirectedCommandsAsRedisDoes(t *testing.T) {
	for proto := 2; proto <= 3; proto++ {
		t.Run(fmt.Sprintf("RESP%d", proto), func(t *testing.T) {
			p := newPair(t, proto)
			for line := range strings.Lines(directed) {
				line = strings.TrimSuffix(line, "\n")
				switch {
				case line == "" || strings.HasPrefix(line, "incrbyfloat") && !sameLongDouble:
				case strings.HasPrefix(line, "#"):
					p.reset()
				default:
					p.compare(words(line)...)
				}
			}
		})
	}
}

func words(line string) []string {
	words := strings.Split(line, " ")
	for i := range words {
		if words[i] == `""` {
			words[i] = ""
		}
	}
	return words
}

// Errors repeat what was sent only up to a limit, as Redis does.
func TestErrorsRepeatLongArgumentsAsRedisDoes(t *testing.T) {
	p := newPair(t, 2)
	long := strings.Repeat("abcdefghij", 20)
	p.compare(long)
	p.compare(long, long, long)
	p.compare("foo", long[:50], long[:50], long[:50], long[:50])
	p.compare("foo", long[:128], "b")
	p.compare("foo", long[:122], "b", "c")
	p.compare("client", long)
	p.compare("foo", "a\x00b", "c\r\nd")
	p.compare("f\x00oo", "a")
	p.compare("f\r\noo", "a")
	p.compare("expire", "k", "1", "a\r\nb\x00c")
}

// Values around the threshold from which on parts are patched, and at the limit.
func TestLongValuesAreWrittenAsRedisDoes(t *testing.T) {
	p := newPair(t, 2)
	full := strings.Repeat("v", testLimits.ValueBytesMax)
	for _, size := range []int{4095, 4096, 4097, 100000} {
		p.compare("SET", "k", full[:size], "EX", "10000")
		p.compare("APPEND", "k", "tail")
		p.compare("SETRANGE", "k", "10", "middle")
		p.compare("SETRANGE", "k", fmt.Sprint(size), "across the end")
		p.compare("SETRANGE", "k", fmt.Sprint(size+1000), "behind a gap")
		p.compare("APPEND", "k", "")
		p.compare("TTL", "k")
		p.compare("GET", "k")
	}
	if !slices.Contains(p.model.Journal, "patch") {
		t.Error("no value was patched")
	}
	p.compare("SET", "k", full)
	p.compare("APPEND", "k", "x")
	p.compare("SETRANGE", "k", "1", full)
	p.compare("SETRANGE", "k", "0", full)
	p.compare("SETRANGE", "k", fmt.Sprint(len(full)-1), "xy")
	p.compare("STRLEN", "k")
}
