package respserver

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holtcache/holt/gateway/command/conformance"
)

// Both servers take both dumps, which are equal to the byte as long as a hash is kept in the order of its fields.
func TestHashesAreDumpedAndRestoredAsInRedis(t *testing.T) {
	socket := conformance.StartRedis(t)
	f := start(t, fixtureConfig{})
	redis, holt := conformance.Dial(t, "unix", socket, 3), conformance.Dial(t, "tcp", f.addr, 3)
	var many, tooMany []string
	for i := range 513 {
		tooMany = append(tooMany, fmt.Sprint("f", i), fmt.Sprint(i*i*i*i))
	}
	many = tooMany[:2*512]
	for i, pairs := range [][]string{
		{"field", "value"}, {"number", "41", "float", "3.25", "", "", "-1", "-4097"}, {"f", strings.Repeat("x", 64)}, {"f", strings.Repeat("x", 65)},
		{"a", "127", "b", "128", "c", "-4096", "d", "4096", "e", "32768", "f", "8388608", "g", "2147483648", "h", "-9223372036854775808", "i", "007"}, many, tooMany,
	} {
		dumps := map[string]string{}
		for name, s := range map[string]*conformance.Session{"Redis": redis, "Holt": holt} {
			s.Do("DEL", "{t}h")
			s.Do(append([]string{"HSET", "{t}h"}, pairs...)...)
			_, dump, _ := strings.Cut(strings.TrimSuffix(string(s.Do("DUMP", "{t}h")), "\r\n"), "\r\n")
			dumps[name] = dump
		}
		if len(dumps["Holt"]) != len(dumps["Redis"]) || len(pairs) < len(many) && dumps["Holt"] != dumps["Redis"] {
			t.Errorf("hash %d:\n got %.300q\nwant %.300q", i, dumps["Holt"], dumps["Redis"])
		}
		for by, dump := range dumps {
			for name, s := range map[string]*conformance.Session{"Redis": redis, "Holt": holt} {
				if reply := s.Do("RESTORE", "{t}copy", "0", dump, "REPLACE"); string(reply) != "+OK\r\n" {
					t.Errorf("hash %d, dumped by %s: %s answers RESTORE with %q", i, by, name, reply)
				}
				if got, want := fieldsOf(s.Do("HGETALL", "{t}copy")), fieldsOf(s.Do("HGETALL", "{t}h")); !slices.Equal(got, want) || len(want) != len(pairs)/2 {
					t.Errorf("hash %d, dumped by %s: at %s it is %.300q", i, by, name, got)
				}
			}
		}
	}
}

// fieldsOf are the fields in a map of bulk strings without line breaks, each with its value, sorted.
func fieldsOf(reply []byte) []string {
	const linesEach = 4
	lines := strings.Split(strings.TrimSuffix(string(reply), "\r\n"), "\r\n")[1:]
	var fields []string
	for each := range slices.Chunk(lines, linesEach) {
		fields = append(fields, strings.Join(each, " "))
	}
	slices.Sort(fields)
	return fields
}
